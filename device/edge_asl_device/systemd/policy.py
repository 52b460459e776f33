"""``python -m edge_asl_device.systemd.policy FOLDER``: write what Chromium must not do on a public screen.

The screen's unit lays the folder over /etc/chromium/policies, for its own browser alone. Names and values are those of
https://chromeenterprise.google/policies/.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

POLICY = {
    "URLBlocklist": ["*"],
    "URLAllowlist": ["127.0.0.1"],
    "DeveloperToolsAvailability": 2,
    "AllowFileSelectionDialogs": False,
    "DownloadRestrictions": 3,
    "PrintingEnabled": False,
    "DefaultPopupsSetting": 2,
    "DefaultNotificationsSetting": 2,
    "AudioCaptureAllowed": False,
    "VideoCaptureAllowed": False,
    "ScreenCaptureAllowed": False,
    "ExtensionInstallBlocklist": ["*"],
    "BrowserSignin": 0,
    "SyncDisabled": True,
    "PasswordManagerEnabled": False,
    "AutofillAddressEnabled": False,
    "AutofillCreditCardEnabled": False,
    "TranslateEnabled": False,
    "ComponentUpdatesEnabled": False,
    "MetricsReportingEnabled": False,
}


def main(arguments: Sequence[str]) -> int:
    """Write it; the exit status."""
    if len(arguments) != 1:
        found = " ".join(arguments) or "nothing"
        sys.stderr.write(f"edge_asl_device.systemd.policy: expected a folder, found {found}\n")
        return 1
    managed = Path(arguments[0]) / "managed"
    managed.mkdir(parents=True, exist_ok=True)
    (managed / "edge-asl.json").write_text(json.dumps(POLICY, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
