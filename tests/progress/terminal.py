"""What a program writes to a terminal."""

import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from fcntl import ioctl

#: Control sequences of terminals.
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def in_terminal(command, columns=60, timeout=300, **variables):
    """Run a command in a terminal; gives all that it wrote there."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    hidden = ("SKYBIND_LOG", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    environment |= {"TERM": "xterm"} | variables
    process = subprocess.Popen(
        list(map(str, command)), stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    written, deadline = b"", time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not select.select([ours], [], [], 1.0)[0]:
            continue
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        written += part
    process.wait(timeout=10)
    os.close(ours)
    return process.returncode, written.decode()


def plain_lines(text):
    """Lines without control sequences, each state of a line that was written over by itself."""
    return [CONTROL.sub("", line) for line in re.split(r"\r*\n|\r", text)]
