"""Plans: facts of a device and a release in, steps out; each case a file of tests/data/plans that people can read.

    EDGE_ASL_WRITE_GOLDEN=1 pytest tests/deploy/test_plan.py

writes the answers anew; what was asked stays. A case names a device (devices/NAME.json holds all its facts) and the
facts in which it differs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_asl.deploy.deployment import format_plan
from edge_asl.deploy.facts import Facts
from edge_asl.deploy.payload import Wanted
from edge_asl.deploy.plan import Plan, make_plan
from edge_asl.deploy.requirements import Choices
from edge_asl.deploy.steps.agent_steps import Lock, Send, Unlock
from edge_asl.deploy.steps.release_steps import Activate, Trust
from edge_asl.errors import DeviceError
from edge_asl_device.releases.installation import Mode

PLANS = Path(__file__).parent.parent / "data" / "plans"
CASES = sorted(path.stem for path in PLANS.glob("*.json"))


class Case(msgspec.Struct, forbid_unknown_fields=True):
    """One file: what is asked, and the answer: steps and the lines that people see, or one line of refusal."""

    about: str
    device: str
    facts: dict[str, Any]
    wanted: Wanted
    missing: dict[str, int] | None
    choices: Choices
    plan: Plan | None = None
    lines: list[str] | None = None
    error: str | None = None

    def device_facts(self) -> Facts:
        whole = json.loads((PLANS / "devices" / f"{self.device}.json").read_bytes())
        return msgspec.convert(whole | self.facts, Facts)


def read(name: str) -> Case:
    return msgspec.json.decode((PLANS / f"{name}.json").read_bytes(), type=Case)


def answered(case: Case) -> Case:
    facts = case.device_facts()
    try:
        plan = make_plan(facts, case.wanted, case.missing, case.choices)
    except DeviceError as error:
        return msgspec.structs.replace(case, plan=None, lines=None, error=str(error))
    lines = list(format_plan(plan, case.wanted, facts))
    return msgspec.structs.replace(case, plan=plan, lines=lines, error=None)


def write(name: str, case: Case) -> None:
    encoded = msgspec.json.encode(case)
    (PLANS / f"{name}.json").write_text(json.dumps(json.loads(encoded), indent=1, ensure_ascii=False) + "\n")


def test_there_are_cases():
    assert len(CASES) >= 25
    assert {read(name).device for name in CASES} == {path.stem for path in (PLANS / "devices").glob("*.json")}


@pytest.mark.parametrize("name", CASES)
def test_the_plan_is_the_stored_one(name: str):
    case = read(name)
    found = answered(case)
    if os.environ.get("EDGE_ASL_WRITE_GOLDEN") == "1":
        write(name, found)

    assert found.error == case.error
    assert found.plan == case.plan
    assert found.lines == case.lines


@pytest.mark.parametrize("name", CASES)
def test_every_plan_is_whole(name: str):
    """Rules that hold for all plans, so that a golden file written anew in haste cannot break them."""
    plan = answered(read(name)).plan
    if plan is None or not plan.steps:
        return
    kinds = [type(step) for step in plan.steps]

    assert kinds[0] is Lock
    assert kinds[-2:] == [Activate, Unlock]
    assert len(set(kinds)) == len(kinds)
    # What the device shall trust is told once its own program is there to be told, and before it decides.
    assert Trust not in kinds or Send not in kinds or kinds.index(Send) < kinds.index(Trust)


def test_a_refusal_is_one_line_that_says_where_and_what_to_do():
    errors = [error for name in CASES if (error := answered(read(name)).error)]

    assert len(errors) >= 6
    for error in errors:
        assert "\n" not in error
        assert error.startswith(("kiosk-", "--")), error
        assert "; " in error, error


def test_what_the_device_has_is_not_sent():
    """Bytes of a plan are those of the missing files, less what an interrupted transfer left."""
    case = read("changed-model")
    sizes = {sha: case.wanted.objects[sha] for sha in case.missing or {}}
    plan = make_plan(case.device_facts(), case.wanted, dict.fromkeys(sizes, 0), case.choices)
    resumed = make_plan(case.device_facts(), case.wanted, dict.fromkeys(sizes, 10), case.choices)

    (whole,) = [step for step in plan.steps if isinstance(step, Send)]
    (rest,) = [step for step in resumed.steps if isinstance(step, Send)]
    assert whole.size_bytes == sum(sizes.values())
    assert rest.size_bytes == whole.size_bytes - 10 * len(sizes)


def test_a_plan_survives_json():
    plan = answered(read("first-bookworm")).plan

    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


@pytest.mark.parametrize("mode", list(Mode))
def test_after_a_deployment_there_is_nothing_to_do(mode: Mode):
    case = read("second-run")
    choices = msgspec.structs.replace(case.choices, mode=mode, options=case.device_facts().options)

    assert make_plan(case.device_facts(), case.wanted, {}, choices).steps == []
