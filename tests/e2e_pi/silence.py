"""How long a kiosk reads no frame, watched from within: runs in the machine until its standard input ends.

    silence.py PORT

prints the longest time, in seconds, in which /metrics counted no new frame; a restarted program counts from zero.
"""

from __future__ import annotations

import re
import sys
import threading
import time
import urllib.request

ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
url = f"http://127.0.0.1:{sys.argv[1]}/metrics"
longest, seen, since = 0.0, None, time.monotonic()
while not ended.is_set():
    frames = None
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            found = re.search(r"^edge_asl_frames_total (\S+)", answer.read().decode(), re.MULTILINE)
            frames = float(found[1]) if found else None
    except OSError:
        pass
    now = time.monotonic()
    if frames is not None and frames != seen:
        longest, seen, since = max(longest, now - since), frames, now
    time.sleep(0.1)
sys.stdout.write(f"{max(longest, time.monotonic() - since):.2f}\n")
