"""The role's own copy of the device paths that the agent needs before ``edge-asl pack`` has answered."""

from __future__ import annotations

import ast

import pytest
import yaml
from jinja2 import Environment

from edge_asl.deploy.fleet.rollout import PLAYBOOK
from edge_asl_device.releases.installation import ROOTS, Installation, Mode

DEFAULTS = PLAYBOOK.parent / "roles" / "edge_asl" / "defaults" / "main.yml"


@pytest.mark.parametrize("mode", list(Mode))
def test_the_roles_paths_are_those_of_the_table(mode: Mode):
    root = ROOTS.get(mode, "/srv/kiosk")
    template = Environment(autoescape=False).from_string(yaml.safe_load(DEFAULTS.read_text())["edge_asl_paths"])  # noqa: S701
    paths = ast.literal_eval(template.render(edge_asl_root=root, edge_asl_mode=str(mode)))
    table = Installation.at(root, mode).paths()

    assert len(paths) > 5
    assert paths == {name: table[name] for name in paths}
