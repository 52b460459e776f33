"""Which lines are the agent's, among all that a connection prints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_asl.deploy.agent import PIECE
from edge_asl.deploy.framing import answers
from edge_asl.deploy.remote import AGENT, Local, Session, agent_argv
from edge_asl.errors import DeviceError

NONCE = "0123456789abcdef"
PIPE_BUF = 4096


def framed(*values: dict[str, object]) -> list[bytes]:
    """Each write of an agent that gives these answers."""
    script = f"""if True:
        import json, sys
        sys.argv[1:] = ["facts", "{{}}"]
        __name__ = "agent"
        exec(compile(open({str(AGENT)!r}).read(), "agent.py", "exec"))
        framing.nonce = {NONCE!r}
        sys.stdout.write = lambda text: print(json.dumps(text), file=sys.stderr)
        for value in json.loads(sys.stdin.read()):
            answer(**value)
    """
    run = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(values), capture_output=True, text=True, check=True
    )
    return [json.loads(line).encode() for line in run.stderr.splitlines()]


LONG = {"missing": {f"{number:064x}": number for number in range(200)}}
WRITES = framed({"status": 0, "text": "ä\n"}, LONG)
BOTH = [{"status": 0, "text": "ä\n"}, LONG]
NOISES = (
    b"42\n", b"null\n", b'{"error": "the shell\'s"}\n', b"\x1b[?2004h", b"\x00\xff\xfe", b"Welcome\r\nto Debian\r\n",
    f"edge-asl:{NONCE}".encode(), f'python3 -c ... {{"frame": "{NONCE}"}}\n'.encode(), b"edge-asl:ffff 0 {}\n", b"",
)  # fmt: skip


def test_a_piece_is_passed_on_whole():
    assert len(WRITES) > 3
    assert max(map(len, WRITES)) < PIPE_BUF
    assert PIECE < PIPE_BUF


@pytest.mark.parametrize("noise", NOISES)
def test_what_a_shell_prints_is_no_answer(noise: bytes):
    assert list(answers(NONCE, noise + noise.join(WRITES) + noise)) == BOTH
    assert list(answers(NONCE, noise)) == []


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=40), st.sampled_from(NOISES)), min_size=len(WRITES) + 1, max_size=len(WRITES) + 1
    )
)
def test_nor_is_anything_else(noises: list[bytes]):
    """Bytes before, between and after; none of them draws the nonce by chance."""
    printed = noises[0] + b"".join(write + noise for write, noise in zip(WRITES, noises[1:], strict=True))

    assert list(answers(NONCE, printed)) == BOTH


def test_an_answer_with_a_piece_missing_is_none():
    assert list(answers(NONCE, b"".join([*WRITES[:1], *WRITES[2:]]))) == BOTH[:1]
    assert list(answers(NONCE, b"".join(WRITES[:-1]))) == BOTH[:1]


class Shell(Local):
    """This machine behind a shell with a start file, as sshd starts one."""

    def __init__(self, start: Path) -> None:
        super().__init__("kiosk")
        self._start = start

    def command(self, argv: list[str]) -> list[str]:
        import shlex

        # Only this bash: a python3 that is a script would read the file again.
        return ["bash", "-c", f". {self._start}; {shlex.join(argv)}"]


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("exit", "expected the agent's answer: a start file of the device's login shell ends it or starts something"),
        ("echo Hi; exit", "expected the agent's answer, found 'Hi': a start file"),
        ("exec cat > /dev/null", "expected the agent's answer: a start file"),
        ("read -r line", "a start file of its login shell reads what is meant for the agent"),
        ("sh() { return 127; }; echo 'edge-asl: 1: exec: python3: not found' >&2", "python3 is not installed"),
        ("echo This account is currently not available.; exit 1", "its user may not run commands (nologin)"),
        ("echo 'bash: warning: setlocale: LC_ALL: cannot change' >&2; exit 3", "failed with status 3: no output"),
    ],
)  # fmt: skip
def test_a_start_file_that_takes_the_command(tmp_path: Path, start: str, said: str):
    (tmp_path / "start").write_text(start)
    with pytest.raises(DeviceError) as raised:
        Session(Shell(tmp_path / "start"), elevate=False).agent("relay", {"paths": {}, "argv": ["true"]})

    assert str(raised.value).startswith("kiosk: relay: ")
    assert said in str(raised.value)
    assert "setlocale" not in str(raised.value)


def test_another_python_before_debians_is_not_asked(tmp_path: Path):
    """Of pyenv or conda: it would not see Debian's camera packages."""
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 9\n")
    (tmp_path / "python3").chmod(0o755)
    (tmp_path / "start").write_text(f"PATH={tmp_path}:$PATH")
    session = Session(Shell(tmp_path / "start"), elevate=False)

    assert session.agent("relay", {"paths": {}, "argv": ["true"]})["status"] == 0


def test_a_program_is_heard_through_all_that(tmp_path: Path):
    noise = r"""echo 42; echo '{"status": 9}'; printf '\e[?2004h'; printf '\xff\x00'; echo warning: tty >&2
        (for number in $(seq 200); do printf 'tick %s' $number; sleep .002; done) &"""
    (tmp_path / "start").write_text(noise)
    lines: list[str] = []
    program = "seq 300; sleep .1; printf 'x%.0s' $(seq 9000); echo; echo edge-asl-device: no >&2; exit 3"
    ended = Session(Shell(tmp_path / "start"), elevate=False).program(["sh", "-c", program], lines.append)

    assert ended.status == 3
    assert ended.out.split("\n") == lines == [*map(str, range(1, 301)), "x" * 9000]
    assert ended.reason == "no"


def test_without_a_nonce_the_agent_speaks_plain_json():
    """As fleets have it, where no login shell is between."""
    run = subprocess.run(
        agent_argv("relay", {"paths": {}, "argv": ["echo", "yes"]}),
        input=AGENT.read_bytes(), capture_output=True, check=True,
    )  # fmt: skip

    assert [json.loads(line) for line in run.stdout.splitlines()] == [{"line": "yes"}, {"status": 0, "err": ""}]
