"""What long work tells: messages through the standard `logging`, and progress bars.

Every message is a record of the logger `skybind`; one console on standard error prints it. How
much is told is one level for the whole library, so that no function takes an argument for it:
`set_verbosity`, `--quiet` and `--verbose` of every command, or the environment variable
`SKYBIND_LOG` (a level, or a level and a file: `verbose:run.log`). Results go to standard output
and are no messages.
"""

from skybind.progress.messages import (
    VERBOSE,
    draw_nothing,
    has_been_asked,
    hush,
    log,
    muted,
    say,
    set_verbosity,
    speaking,
    verbosity,
)
from skybind.progress.work import Work, preparing, progress_bar, step, task, told_elsewhere

__all__ = [
    "VERBOSE",
    "Work",
    "draw_nothing",
    "has_been_asked",
    "hush",
    "log",
    "muted",
    "preparing",
    "progress_bar",
    "say",
    "set_verbosity",
    "speaking",
    "step",
    "task",
    "told_elsewhere",
    "verbosity",
]
