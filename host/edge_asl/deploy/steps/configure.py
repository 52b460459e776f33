"""The site's options."""

from __future__ import annotations

from edge_asl.deploy.steps.step import AgentCommand, Step, StepContext


class Configure(Step, frozen=True):
    """New options of ``edge-asl-device run``; the switch puts them into effect."""

    options: str

    @property
    def says(self) -> str:
        return f"set options: {self.options}"

    def command(self, context: StepContext) -> AgentCommand:
        return AgentCommand("configure", context.held | {"options": self.options})
