"""The role's own copy of the device paths that the agent needs before ``edge-asl pack`` has answered."""

from __future__ import annotations

import ast

import pytest
import yaml
from jinja2 import Environment

from edge_asl.deploy.fleet.rollout import PLAYBOOK
from edge_asl_device.releases.installation import ROOTS, Installation, Mode

DEFAULTS = PLAYBOOK.parent / "roles" / "edge_asl" / "defaults" / "main.yml"


def rendered(name: str, **variables: str) -> str:
    """One of the role's defaults, as Ansible renders it."""
    jinja = Environment(autoescape=False)  # noqa: S701 - no page
    jinja.filters["mandatory"] = lambda value, _message: value
    return jinja.from_string(yaml.safe_load(DEFAULTS.read_text())[name]).render(variables)


@pytest.mark.parametrize("mode", list(Mode))
def test_the_roles_paths_are_those_of_the_table(mode: Mode):
    root = ROOTS.get(mode, "/srv/kiosk")
    paths = ast.literal_eval(rendered("edge_asl_paths", edge_asl_root=root, edge_asl_mode=str(mode)))
    table = Installation.at(root, mode).paths()

    assert len(paths) > 5
    assert paths == {name: table[name] for name in paths}


@pytest.mark.parametrize("mode", list(ROOTS))
def test_the_roles_root_is_the_tables(mode: Mode):
    assert rendered("edge_asl_root", edge_asl_mode=str(mode)) == ROOTS[mode]
