"""Signals that end a program: Ctrl-C, a scheduler's notice, a terminal that was closed.

The command line heeds them from its first line (`heed`). A signal raises `Stopped` in the main
thread, so what is under way ends as after any error: what is whole stays, temporary files go. It
is no `KeyboardInterrupt`, which libraries take for their own; and what swallows it all the same
(a callback out of compiled code, a destructor) is asked again, by `remind` and by the clock, until
the program ends. Nothing here touches the signals of a notebook or a script.
"""

import _thread
import atexit
import os
import signal
import sys
import time
from types import FrameType

#: Time between two requests to end, where the first was swallowed [s].
AGAIN = 10.0

# there is no SIGHUP on Windows
_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
_asked: int | None = None
_ending = False
_over = False
_by_the_clock = False


class Stopped(BaseException):
    """A signal asked the program to end.

    Parameters
    ----------
    number : int
        The signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def heed() -> None:
    """Let the signals that end a program raise `Stopped`; what was set to be ignored stays so."""
    for number in _SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    sys.unraisablehook = _unraisable


def leave_to_parent() -> None:
    """Heed no Ctrl-C in a process that another one started: that one ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in _SIGNALS:
        if signal.getsignal(number) == _stop:
            signal.signal(number, signal.SIG_DFL)


def asked() -> int | None:
    """Return the signal that asked this program to end; None if none did."""
    return _asked


def remind() -> None:
    """Raise `Stopped` again where a signal came and its exception was swallowed."""
    if _asked is not None and not _ending and not _on_its_way():
        raise Stopped(_asked)


def ending(number: int) -> tuple[str, int]:
    """Return what is told at the end, and the exit status that a shell expects.

    From now on one more signal ends the program at once.
    """
    global _ending
    _ending = True
    how = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    return f"{how}; the same command goes on where it stopped.", 128 + number


def over() -> None:
    """Note that the command is done; a signal while Python takes itself down ends it at once."""
    global _over
    _over = True


def _unraisable(found: "sys.UnraisableHookArgs") -> None:
    """Tell an error that nobody can catch, but no `Stopped`: what swallows it is asked again."""
    if not isinstance(found.exc_value, Stopped):
        sys.__unraisablehook__(found)


@atexit.register  # here, before others do, so that it is the last of all that is done at the end
def _heed_no_more() -> None:
    """Ignore signals while Python takes its modules down.

    All is done by then. What heeds a signal is taken down first of all, and what then heeds it is
    the system, which tells a scheduler that the work was not done.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) == _stop:
            signal.signal(number, signal.SIG_IGN)


def _stop(number: int, frame: FrameType | None) -> None:
    global _asked, _by_the_clock
    if _over and not _ending:  # an exception would be printed with its traceback and forgotten
        sentence, status = ending(number)
        os.write(2, f"skybind: {sentence}\n".encode())
        os._exit(status)
    if _ending:
        os._exit(128 + number)
    again, _by_the_clock = _by_the_clock, False
    if again and _on_its_way():  # a long clean-up goes on; a person's second signal cuts it
        return
    if _asked is None:
        _thread.start_new_thread(_ask_again, (signal.Signals(number),))
    _asked = number
    raise Stopped(number)


def _ask_again(number: signal.Signals) -> None:
    import threading  # not before signals are heeded: this thread is begun after that

    global _by_the_clock
    while not _ending:
        time.sleep(AGAIN)
        if not _ending:
            _by_the_clock = True
            if hasattr(signal, "pthread_kill"):  # which also wakes what sleeps or waits
                signal.pthread_kill(threading.main_thread().ident or 0, number)
            else:
                _thread.interrupt_main(number)


def _on_its_way() -> bool:
    """Whether `Stopped` is being handled right here, as in the clean-up that it causes."""
    error = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, Stopped):
            return True
        error = error.__context__
    return False
