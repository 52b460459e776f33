"""The device's own screen."""

from __future__ import annotations

from edge_asl.deploy.steps.step import AgentCommand, Step, StepContext


class Screen(Step, frozen=True):
    """A browser that shows the page on the device's own screen."""

    @property
    def says(self) -> str:
        return "show the page on the device's screen (cage with Chromium, as user kiosk)"

    def command(self, context: StepContext) -> AgentCommand:
        return AgentCommand("screen", context.held)
