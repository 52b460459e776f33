"""Deploying over a real sshd on 127.0.0.1: from nothing, with nothing changed, with only a model of 0.6 MB changed."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from common import OUT, figure, folder, run

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "deploy"))

from kiosk import Kiosk, Watch
from sshd import Sshd, free_ports

TIMES = 5
SETTINGS = ("model.alpha=0.35", "training.epochs=0", "data.split=signer")


class Turn(NamedTuple):
    """Seconds that somebody waits, one after the other."""

    kept: float
    """For a deployment of what is there already, within two minutes of the last command."""
    anew: float
    rsync: float


def main() -> None:
    """Deploy to one kiosk again and again."""
    bundles = [build(seed) for seed in (1, 2)]
    size = (bundles[1] / "model.tflite").stat().st_size
    with tempfile.TemporaryDirectory() as scratch, Sshd(Path(scratch, "sshd")) as server:
        environment = os.environ | {"XDG_CONFIG_HOME": f"{scratch}/config"}
        relay = Relay(server)
        kiosk = Kiosk(server, Path(scratch, "kiosk"), environment)
        try:
            first = kiosk.deployed(bundles[0], "--options", kiosk.options)
            unchanged = [kiosk.deployed(bundles[0]) for _ in range(TIMES)]
            # In turns, so that whatever else this machine does slows down all.
            turns = [
                Turn(
                    wall_seconds(kiosk, bundles[0]),
                    anew_seconds(kiosk, bundles[0]),
                    rsync_seconds(kiosk, Path(scratch, "copy")),
                )
                for _ in range(TIMES)
            ]
            with Watch(kiosk) as watch:
                before = relay.sent
                changed = kiosk.deployed(bundles[1])
                on_the_wire = relay.sent - before
            restarted = silence(kiosk, bundles[1])
        finally:
            kiosk.stop()
    assert watch.uninterrupted
    sent = {report["sent_bytes"] for report in unchanged}
    trips = {report["round_trips"] for report in unchanged}
    figure("first deployment, 127.0.0.1: from nothing to healthy", took(first))
    same = "second deployment, nothing changed, 127.0.0.1"
    kept, anew, rsync = (statistics.median(way) for way in zip(*turns, strict=True))
    figure(f"{same}: the whole command, connecting anew", f"{anew:.2f} s (median of {TIMES})", "≤ 2 s", "≤ 1 s")
    figure(f"{same}: the whole command, over a connection kept open", f"{kept:.2f} s (median of {TIMES})")
    other = "rsync -a of the same tree and a health request, connecting anew"
    ratios = [(turn.anew / turn.rsync, turn.kept / turn.rsync) for turn in turns]
    ratio_anew, ratio_kept = (statistics.median(way) for way in zip(*ratios, strict=True))
    figure(f"{same}, connecting anew ÷ {other}", f"{ratio_anew:.2f} (rsync {rsync:.2f} s)", "≤ 1.1", "≤ 1.0")
    figure(f"{same}, over a connection kept open ÷ {other}", f"{ratio_kept:.2f}")
    figure(f"{same}: bytes of files sent", f"{max(sent)}", "0", "0")
    figure(f"{same}: SSH round trips", f"{max(trips)}", "≤ 4", "2")
    model = f"{changed['sent_bytes'] / 1e6:.2f} MB of files, {size / 1e6:.2f} MB of them the model"
    figure("only the model rebuilt: bytes on the wire", f"{on_the_wire / 1e6:.2f} MB ({model})", "≤ 0.8 MB")
    figure("kiosk not answering: another model, 127.0.0.1", "0 s (the same process keeps answering)", "≤ 5 s", "≤ 2 s")
    figure("kiosk not answering: restart with other options, 127.0.0.1", f"{restarted:.1f} s", "≤ 5 s", "≤ 2 s")


def took(report: dict) -> str:
    """``15.2 s (220 MB)``."""
    return f"{report['seconds']:.0f} s ({report['sent_bytes'] / 1e6:.0f} MB)"


class Relay:
    """Sits between ssh and the server and counts the bytes that go to the device, as they are on the wire."""

    def __init__(self, server: Sshd) -> None:
        self.sent = 0
        self._to = server.port
        port = free_ports(1)[0]
        self._listening = socket.create_server(("127.0.0.1", port))
        for path in (server.config, server.folder / "known_hosts"):
            path.write_text(path.read_text().replace(str(self._to), str(port)))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listening.accept()
            far = socket.create_connection(("127.0.0.1", self._to))
            for source, target, counts in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._pass_on, args=(source, target, counts), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.sent += len(data) * counts
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def wall_seconds(kiosk: Kiosk, bundle: Path) -> float:
    """How long somebody waits for the command."""
    started = time.perf_counter()
    subprocess.run(kiosk.command("deploy", bundle), env=kiosk.environment, check=True, capture_output=True)
    return time.perf_counter() - started


def anew_seconds(kiosk: Kiosk, bundle: Path) -> float:
    """The same, after the connection of the last command was closed."""
    kiosk.server.drop()
    return wall_seconds(kiosk, bundle)


def rsync_seconds(kiosk: Kiosk, copy: Path) -> float:
    """What a script would do instead: bring a tree that is there already up to date over ssh, and ask for its health.

    The tree is the environment and the bundle of the release that runs. rsync compares sizes and times, not contents.
    """
    if not copy.exists():
        shutil.copytree(kiosk.root / "current", copy, symlinks=False)
    target = f"{kiosk.server.name}:{copy}-there/"
    command = ["rsync", "-a", "-e", f"ssh -F {kiosk.server.config}", f"{copy}/", target]
    if not Path(f"{copy}-there").exists():
        subprocess.run(command, check=True)
    started = time.perf_counter()
    subprocess.run(command, check=True)
    assert kiosk.health()
    return time.perf_counter() - started


def silence(kiosk: Kiosk, bundle: Path) -> float:
    """Seconds from the old process's last answer to the new one's first ready answer, in a restart."""
    with Watch(kiosk) as watch:
        kiosk.deployed(bundle, "--options", kiosk.options_with("--language", "de"))
    ready = [answer is not None and answer["ready"] for answer in watch.answers]
    first, last = ready.index(False), len(ready) - ready[::-1].index(False)
    return watch.times[last] - watch.times[first - 1]


def build(seed: int) -> Path:
    """MobileNetV2 0.35 at 128 px, untrained: published weights, and a random head drawn from the seed."""
    pictures, bundle = OUT / "letters-224", OUT / "models" / f"deploy-{seed}"
    if not pictures.exists():
        run("edge-asl", "synth", "pictures", pictures, "--signs", "letters", "--count", 24, "--size", 224)
    run(
        "edge-asl", "build", "--data", pictures, "--recipe", "letters-mobilenet", "--out", bundle, "--json",
        "--weights", folder("EDGE_ASL_WEIGHTS") / "mobilenet_v2_0.35_224_no_top.weights.h5",
        "--calibration", OUT / "calibration_data",
        *(f"--set={item}" for item in (*SETTINGS, f"training.seed={seed}")),
    )  # fmt: skip
    return bundle


if __name__ == "__main__":
    main()
