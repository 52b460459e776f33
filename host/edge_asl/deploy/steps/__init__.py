"""What a deployment is made of: each step says what it does and which command on the device does it.

To add one: a file here, its name in ``AnyStep``, and when it is due in ``edge_asl.deploy.plan``.
"""

from edge_asl.deploy.steps.activate import Activate
from edge_asl.deploy.steps.configure import Configure
from edge_asl.deploy.steps.lock import Lock, Unlock
from edge_asl.deploy.steps.screen import Screen
from edge_asl.deploy.steps.send import Send
from edge_asl.deploy.steps.trust import Trust

AnyStep = Lock | Send | Configure | Screen | Trust | Activate | Unlock

__all__ = ["Activate", "AnyStep", "Configure", "Lock", "Screen", "Send", "Trust", "Unlock"]
