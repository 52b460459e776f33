"""What ssh, sudo and shells say → why a device cannot be used, and what to do. Pure functions of text.

Of several lines the first that is known counts, in the order of the table: ssh ends with "Permission denied" or "Host
key verification failed" whatever came before, and what came before is the reason.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from edge_asl_device.other_programs.sayings import Saying, meaning_of
from edge_asl_device.other_programs.sayings import telling_line as telling_line_of

REFUSAL = "edge-asl-device: "
"""Before what the device's program says when it refuses to continue."""

NO_ANSWER = "no answer in {limit} s; is it switched on and on this network?"

SSH = (
    # Its configuration. It stops at the first wrong option and then counts them.
    Saying(
        r"^(?P<file>.+): line (?P<at>\d+): Bad configuration option: (?P<option>\S+)",
        "{file}, line {at}: this ssh does not know the option {option}; write IgnoreUnknown {option} above it, or "
        "remove it",
    ),
    Saying(
        r"^\S*sh: (?:line )?(?:\d+: )?(?:exec: )?(?P<program>\S+): (?:command )?not found",
        "ssh's ProxyCommand needs {program}, which is not installed; install it",
    ),
    Saying(
        r"^(?P<file>\S.*?):? line (?P<at>\d+): (?P<what>(?:[Bb]ad|[Uu]nsupported|[Ii]nvalid|[Mm]issing|[Uu]nknown|no "
        r"argument|keyword|garbage|extra|percent_) ?.+?)\.?$",
        "{file}, line {at}: {what}; correct this line of ssh's configuration",
    ),
    Saying(r"^Bad owner or permissions on (?P<file>\S+)", "others may write {file}; run chmod 600 {file}"),
    Saying(
        r"^Can't open user config file (?P<file>.+?): (?P<what>.+)", "{file}: {what}; name another with --ssh-config"
    ),
    Saying(r"^usage: ssh ", "ssh does not understand this target; write pi@kiosk-1, or ssh://pi@kiosk-1:2222"),
    Saying(r"^Cannot execute command-line and remote command", "~/.ssh/config sets RemoteCommand for it; remove that"),
    # The host's key.
    Saying(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its host key has changed: the device was set up again, or somebody intercepts the connection; find out "
        "which, then run {remove}",
    ),
    Saying(
        r"no matching host key type found. Their offer: (?P<offer>\S+)",
        "it offers only host keys that this ssh does not accept ({offer}); update the device, or write below Host "
        "{host} in ~/.ssh/config: HostKeyAlgorithms +{offer}",
    ),
    Saying(
        r"no matching (?P<what>key exchange method|cipher|MAC) found. Their offer: (?P<offer>\S+)",
        "this ssh and the device have no {what} in common; update the older of the two",
    ),
    Saying(
        r"Host key verification failed",
        "its host key is not known yet; connect once with ssh{config} {name}, and compare the fingerprint",
    ),
    # The user's key: why it was not offered, before that it was not accepted.
    Saying(
        r"^Permissions \d+ for ['\"](?P<file>.+?)['\"] are too open",
        "others may read the key {file}, so ssh does not use it; run chmod 600 {file}",
    ),
    Saying(
        r"^Load key \"(?P<file>.+?)\": (?P<what>.+)",
        "ssh cannot read the key {file} ({what}); is it the private half, whole, and not PuTTY's .ppk?",
    ),
    Saying(
        r"^no such identity: (?P<file>.+?): |^Warning: Identity file (?P<given>.+?) not accessible: No such file",
        "the key {file}{given} that ssh's configuration names does not exist; correct IdentityFile, or make the key",
    ),
    Saying(
        r"sign_and_send_pubkey: signing failed .*?(?:from agent: )?(?P<what>agent refused operation|[^:]+)$",
        "the SSH agent did not sign with your key ({what}); unlock it with ssh-add, or touch the token",
    ),
    Saying(
        r"no mutual signature (?:supported|algorithm)",
        "this ssh and the device sign with your RSA key in no common way; make a key of type ed25519 (ssh-keygen -t "
        "ed25519) and run ssh-copy-id{config} {name}",
    ),
    Saying(
        r"Too many authentication failures",
        "the agent offered too many keys; write below Host {host} in ~/.ssh/config: IdentitiesOnly yes, and "
        "IdentityFile with the right one",
    ),
    Saying(
        r"(?:Your password has expired|required to change your password)",
        "its user must change the password first; run ssh{config} {name} in a terminal and do so",
    ),
    Saying(
        r"System is booting up|Unprivileged users are not permitted to log in yet|System is going down",
        "it is starting up or shutting down and lets nobody in yet; wait a minute",
    ),
    Saying(r"(?:Your )?account has expired", "its user's account has expired; on the device: sudo chage -E -1 USER"),
    Saying(
        r"tailscale: tailnet policy does not permit",
        "Tailscale's rules do not let you in by SSH; allow it in the tailnet's policy (ssh)",
    ),
    # Not Permission denied of a banner or of a command: the methods stand in brackets.
    Saying(
        r"^(?:.*: )?Permission denied(?:, please try again\.| \((?P<methods>[^)]*)\))",
        "the device rejected your SSH key; run ssh-copy-id{config} {name}, or ssh-add your key",
    ),
    # The way.
    Saying(
        r"^ssh: Could not resolve hostname (?P<bad>\S+): (?:Name or service not known|nodename nor servname|"
        r"No address associated|Non-recoverable failure|Unknown host|No such host is known)",
        "no host has that name; check the spelling",
    ),
    Saying(
        r"^ssh: Could not resolve hostname (?P<bad>\S+): (?P<what>.+?)\.?$",
        "the name could not be looked up ({what}); is this machine on the network?",
    ),
    Saying(
        r"^channel 0: open failed: (?P<what>.+)",
        "the jump host let ssh in but did not reach the device ({what}); is the device switched on?",
    ),
    Saying(r"Connection refused", "nothing listens on its SSH port; enable SSH on the device (raspi-config)"),
    Saying(
        r"^banner exchange: .*port (?P<port>\d+): invalid format|^Bad remote protocol version|^Protocol mismatch",
        "what listens on that port is no SSH server; name the right one, as in ssh://pi@kiosk-1:22",
    ),
    Saying(r"No route to host|Host is down", "there is no route to it; is it switched on and on this network?"),
    Saying(r"Network is (?:unreachable|down)", "this machine has no way to that network; is it connected?"),
    Saying(r"[Tt]imed out", NO_ANSWER),
    Saying(
        r"^bind (?P<address>\S+): Cannot assign",
        "ssh's BindAddress {address} is not this machine's; correct it in ~/.ssh/config",
    ),
    Saying(
        r"^(?:kex|ssh)_exchange_identification: (?P<what>.*)",
        "it took the connection and closed it at once ({what}); it may be starting up, or has too many connections or "
        "has banned this address: wait a minute",
    ),
)

DEVICE = (
    Saying(
        r"python3['’]?: (?:command )?not found|python3['’]?: No such file|No such file or directory: 'python3'",
        "python3 is not installed; on the device: sudo apt install python3",
    ),
    Saying(
        r"This service allows sftp connections only",
        "its SSH server lets this user only transfer files (ForceCommand internal-sftp); use another user",
    ),
    Saying(
        r"This account is (?:currently )?not available",
        "its user may not run commands (nologin); use another user, or on the device: sudo chsh -s /bin/bash USER",
    ),
    Saying(
        r"required to change your password|password has expired",
        "its user must change the password first; run ssh {name} in a terminal and do so",
    ),
    Saying(r"^sudo: (?:sorry, )?you must have a tty", "sudo wants a terminal there; remove requiretty from sudoers"),
    Saying(
        r"^sudo: (?P<what>.*(?:must be owned by uid 0|is owned by uid|syntax error|parse error).*)",
        "sudo is broken there: {what}; repair it on the device",
    ),
    Saying(r"No space left on device", "its disk is full; free some space"),
    Saying(r"Read-only file system", "its disk can only be read; is the card worn out, or the overlay file system on?"),
    Saying(
        r"Input/output error",
        "its card or disk cannot be read any more (Input/output error); save what is on it and replace it",
    ),
    Saying(
        r"is not recognized as an internal or external command|is not recognized as the name of a cmdlet",
        "it runs Windows; a device runs Linux",
    ),
    Saying(r"^Killed$", "the agent was ended there, most likely for want of memory; restart the device"),
    Saying(
        r"(?:fork|retry).*: (?:Cannot allocate memory|Resource temporarily unavailable)",
        "it is out of memory; restart it",
    ),
    Saying(
        r"^SyntaxError: .*|^NameError: .*agent\.py|^EOFError",
        "a start file of its login shell reads what is meant for the agent; test with: echo hello | ssh {name} cat",
    ),
)

NOISE = re.compile(
    r"^\s*$|^@|^\*\*|^Warning: Permanently added|^Connection to .* closed|^Connection closed by UNKNOWN|^Disconnected "
    r"|setlocale: LC_|^perl: warning|^L[CA]\w+ = |^are supported and installed|^sudo: unable to resolve host"
    r"|^stdin: is not a tty"
    r"|^mesg: ttyname|^tput: |^stty: |cannot set terminal process group|no job control in this shell|^Pseudo-terminal "
    r"|: terminating, \d+ bad configuration",
)
"""Lines that are never the reason: warnings of shells and of ssh itself that come before it, and words of farewell."""

FAREWELL = re.compile(r"^Connection (?:closed|reset) by \S+ port \d+\s*$|^shell request failed")
"""Lines of ssh that say no more than that it is over."""


def ssh_reason(name: str, said: str, limit_s: int, config: Sequence[str] = ()) -> str | None:
    """Why there is no connection, and what to do; None if ssh's message is not known here.

    Args:
        name: the target as the user named it.
        said: all that ssh wrote to standard error.
        config: ssh's options that a person needs for the same connection.
    """
    host = re.sub(r"^ssh://|:\d+$", "", name).rpartition("@")[2]
    # Debian's ssh names the file and the port, too.
    remove = re.search(r"ssh-keygen -f .+ -R [^\r\n]+", said)
    known = meaning_of(
        SSH,
        said,
        name=name,
        host=host,
        limit=limit_s,
        config="".join(f" {shlex.quote(word)}" for word in config),
        remove=remove[0] if remove else f"ssh-keygen -R {host}",
    )
    # The other end of a proxy has no address.
    before = known and "by UNKNOWN port 65535" in said and not re.search("jump host|ProxyCommand", known)
    return f"before the device, at its jump host or ProxyCommand: {known}" if before else known


def no_answer(name: str, status: int, stray: Sequence[str], err: str) -> str:
    """Why the agent on a device gave no answer, and what to do.

    Args:
        name: the target.
        status: with which the command ended there.
        stray: lines on standard output that are not the agent's.
        err: all of standard error.
    """
    said = "\n".join([*stray, err])
    if known := meaning_of(DEVICE, said, name=name):
        return known
    if status == 0:
        found = f", found {stray[-1][:60]!r}" if stray else ""
        return (
            f"expected the agent's answer{found}: a start file of the device's login shell ends it or starts "
            f"something else; test with ssh {name} true, which must print nothing"
        )
    return f"failed with status {status}: {telling_line(said) or 'no output'}"


def refusal_in(said: str) -> str:
    """What the device's program says when it refuses to continue, or whatever else tells most."""
    refusals = [line for line in said.splitlines() if line.startswith(REFUSAL)]
    return refusals[-1].removeprefix(REFUSAL) if refusals else telling_line(said)


def telling_line(said: str) -> str:
    """Of what ssh, sudo or a shell wrote, the line that tells most; empty if none does."""
    # The reason, such as a banner's, comes before ssh's last words, which count only where there are no others.
    before = "\n".join(line for line in said.splitlines() if not FAREWELL.search(line))
    return telling_line_of(before, NOISE) or telling_line_of(said, NOISE)
