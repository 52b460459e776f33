"""The first trusted key."""

from __future__ import annotations

from edge_asl.deploy.steps.step import ProgramCommand, Step, StepContext


class Trust(Step, frozen=True):
    """Trust a first signing key: from then on the device accepts nothing unsigned."""

    key: str

    @property
    def says(self) -> str:
        return f"trust the signing key of {self.key.split()[-1]}; from then on unsigned bundles are refused"

    def command(self, context: StepContext) -> ProgramCommand:
        return ProgramCommand([context.program, "trust", self.key, "--first", *context.installation.arguments])
