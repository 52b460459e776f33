"""Keeping other deployments away."""

from __future__ import annotations

from edge_asl.deploy.steps.step import Step


class Lock(Step, frozen=True):
    """No other deployment from here on.

    Taken before the plan is final: the same answer says which files the device lacks.
    """


class Unlock(Step, frozen=True):
    """Others may deploy again. Done however the deployment ends."""
