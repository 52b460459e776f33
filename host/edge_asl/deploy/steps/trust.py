"""The first signer."""

from __future__ import annotations

from edge_asl.deploy.steps.step import ProgramCommand, Step, StepContext


class Trust(Step, frozen=True):
    """The first signer: from then on the device takes nothing unsigned."""

    key: str

    @property
    def says(self) -> str:
        return f"trust signer {self.key.split()[-1]}; from then on unsigned bundles are refused"

    def command(self, context: StepContext) -> ProgramCommand:
        return ProgramCommand([context.program, "trust", self.key, "--first", *context.installation.arguments])
