"""The highest memory that a program had.

`getrusage` of Linux also counts what the program that started it held at that moment.
"""

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_memory() -> int:
    """Return the highest memory of this process so far [bytes]."""
    if _STATUS.exists():
        said = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
        return int(said["VmHWM"].split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
