"""Steps that the new release's own program carries out, as soon as it is laid out."""

from __future__ import annotations

from edge_asl.deploy.steps.step import DetachedCommand, ProgramCommand, Step, StepContext


class Trust(Step, frozen=True):
    """Trust a first signing key: from then on the device accepts nothing unsigned."""

    key: str

    @property
    def says(self) -> str:
        return f"trust the signing key of {self.key.split()[-1]}; from then on unsigned bundles are refused"

    def command(self, context: StepContext) -> ProgramCommand:
        return ProgramCommand([context.program, "trust", self.key, "--first", *context.installation.arguments])


class Activate(Step, frozen=True):
    """Verify, test, switch, watch and, if need be, go back: all by the new release's own program."""

    release: str
    restart: bool
    configured: bool
    """New settings wait for this switch."""
    allow_downgrade: bool
    health_limit_s: float
    keep: int

    @property
    def says(self) -> str:
        how = "restart" if self.restart else "reload (restart if the program changed)"
        stages = f"verify, self-test, switch, {how}, health check"
        return f"activate {self.release[:12]}: {stages}; roll back if that fails"

    def command(self, context: StepContext) -> DetachedCommand:
        program, where = context.program, context.installation.arguments
        argv = [program, "activate", self.release, *where]
        argv += ["--health-limit", f"{self.health_limit_s:g}", "--keep", str(self.keep)]
        argv += ["--allow-downgrade"] * self.allow_downgrade + ["--restart"] * self.restart
        argv += ["--configured"] * self.configured
        return DetachedCommand(argv, outcome=[program, "status", "--json", *where])
