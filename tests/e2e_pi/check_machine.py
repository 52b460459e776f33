"""The machine that deployments are tried on is an honest one: it forgets, breaks off and limits as a kiosk does."""

from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import time
from pathlib import Path

import pytest
from machine import Machine, MachineError

pytestmark = pytest.mark.thorough

UNIT = Path(__file__).parents[2] / "device/edge_asl_device/systemd/edge-asl.service"
JOURNAL_S = 5
"""ext4 writes names to its journal this often. A file's bytes follow when the kernel sees fit: at the same time, or
thirty seconds later."""
LIMITS = """\
[Service]
Type=oneshot
Restart=no
ExecStart=
ExecStart=/bin/sh -c 'cat "/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/memory.max"; id'
"""


@pytest.fixture
def fresh(kiosk: Machine) -> Machine:
    """Booted, with nothing in it that another check left."""
    kiosk.resume("booted")
    return kiosk


def year(kiosk: Machine) -> int:
    return int(kiosk.run("date --utc +%Y"))


def alive(stream: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it says anything within that time; what it says is swallowed."""
    assert stream.stdout
    heard = bool(select.select([stream.stdout], [], [], seconds)[0])
    return heard and bool(os.read(stream.stdout.fileno(), 65536))


def test_only_what_was_synced_survives_a_power_cut(fresh: Machine):
    """The worst case, made certain: the name is in the journal, the bytes are still in memory."""
    fresh.run(f"echo 60000 > /proc/sys/vm/dirty_writeback_centisecs && sleep {JOURNAL_S + 1}")
    fresh.run("cd /srv && echo kept > kept && sync kept . && echo lost > lost")
    assert fresh.run("cat /srv/lost") == "lost\n"
    time.sleep(JOURNAL_S + 3)
    fresh.cut_power()
    fresh.boot()
    assert fresh.run("cat /srv/kept") == "kept\n"
    assert fresh.run("stat --format=%s /srv/lost") == "0\n"
    assert fresh.settled() == "running"


def test_a_power_cut_at_once_loses_the_name_too(fresh: Machine):
    fresh.run("sync && echo lost > /srv/lost")
    fresh.cut_power()
    fresh.boot()
    assert fresh.run("ls -A /srv | grep -c lost", check=False).strip() == "0"


def test_a_pulled_cable_cuts_what_is_open_and_what_is_new(fresh: Machine):
    told = [*fresh.ssh(), "while sleep 0.2; do date; done"]
    with subprocess.Popen(told, stdout=subprocess.PIPE) as stream:
        assert alive(stream, 20)
        fresh.unplug()
        time.sleep(1)
        alive(stream, 0)  # what was on its way
        assert not alive(stream, 3)
        new = [*fresh.ssh("pi", "-oConnectTimeout=5"), "true"]
        assert subprocess.run(new, capture_output=True, timeout=30, check=False).returncode == 255
        fresh.plug()
        fresh.wait_for_ssh(60)
        stream.kill()


def test_the_clock_can_be_wrong(fresh: Machine):
    assert abs(time.time() - int(fresh.run("date +%s"))) < 20, "a resumed clock is set to now"
    fresh.set_clock(3600)
    assert year(fresh) == 1970
    assert fresh.run("echo still here", user="pi") == "still here\n"
    fresh.resume("booted", clock=False)
    assert time.time() - int(fresh.run("date +%s")) > 3, "or stands where the snapshot was taken"


def test_a_clock_without_battery_at_boot(fresh: Machine):
    fresh.cut_power()
    fresh.boot(clock="2001-01-01T00:00:00")
    assert year(fresh) >= 2001
    assert int(fresh.run("date +%s")) < time.time() - 86400, "systemd's release, from which it counts on"


def test_a_full_disk_is_full_for_root_too(fresh: Machine):
    fresh.fill_disk(leave_mb=4)
    with pytest.raises(MachineError, match="No space left"):
        fresh.run("dd if=/dev/zero of=/srv/large bs=1M count=16 conv=fsync")
    fresh.empty_disk()
    fresh.run("dd if=/dev/zero of=/srv/large bs=1M count=16 conv=fsync")


def test_it_starts_anew_when_told(fresh: Machine):
    before = fresh.boot_id()
    fresh.run("echo kept > /srv/kept")
    fresh.reboot()
    assert fresh.boot_id() != before
    assert fresh.run("cat /srv/kept") == "kept\n", "an orderly end writes everything"
    assert fresh.settled() == "running"


def test_another_host_key_is_an_error(fresh: Machine):
    told = [*fresh.ssh("pi", "-oUserKnownHostsFile=/dev/null"), "true"]
    refused = subprocess.run(told, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 255
    assert "Host key verification failed" in refused.stderr


def test_nothing_outside_can_be_reached(fresh: Machine):
    """10.0.2.2 would be this computer."""
    with socket.create_server(("127.0.0.1", 0)) as here:
        port = here.getsockname()[1]
        with pytest.raises(MachineError):
            fresh.run(f"timeout 5 bash -c 'exec 3<>/dev/tcp/10.0.2.2/{port}'")


def test_the_units_limits_hold_here(fresh: Machine):
    """Its groups, a user of its own, the kernel's memory limit; the program itself is for the deployment to bring."""
    folder = "/etc/systemd/system/edge-asl.service"
    fresh.run(f"cat > {folder}", stdin=UNIT.read_bytes())
    fresh.run(f"mkdir {folder}.d && cat > {folder}.d/check.conf && systemctl daemon-reload", stdin=LIMITS.encode())
    fresh.run("systemctl start edge-asl.service")
    said = fresh.journal("edge-asl.service")
    (limit,) = re.findall(r"^MemoryMax=(\d+)M$", UNIT.read_text(), re.MULTILINE)
    assert f"{int(limit) * 2**20}\n" in said
    assert re.search(r"uid=6\d{4} .*\(audio\).*\(video\).*\(plugdev\)", said), said


def test_too_much_memory_is_refused(fresh: Machine):
    words = "systemd-run --quiet --wait --pipe --property=MemoryMax=32M --property=MemorySwapMax=0 python3 -c"
    fresh.run(f"{words} 'bytearray(1 << 20)'")
    with pytest.raises(MachineError, match="exit status"):
        fresh.run(f"{words} 'bytearray(100 << 20)'")
