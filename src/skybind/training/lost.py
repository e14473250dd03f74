"""A process of a training that is gone: what its fellows then meet, as one sentence."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from skybind.errors import ProcessError

#: How gloo, NCCL and the store of torch.distributed say that another process is gone. What NCCL
#: says of a device or of memory is not among it.
_GONE = re.compile(
    r"gloo/transport|connection (?:was )?(?:closed|reset|refused)|broken pipe"
    r"|remote process (?:exited|has)|failed to recv, got 0 bytes|watchdog got stuck",
    re.I,
)
_AGAIN = "give the same command again, and it goes on after the last whole epoch"


@contextmanager
def told_of_lost() -> Iterator[None]:
    """Turn the error that only says that another process is gone into a sentence.

    Raises
    ------
    ProcessError
        In its place. Other errors pass.
    """
    try:
        yield
    except Exception as error:
        if said := _lost(error) or _ended(error):
            raise ProcessError(said) from error
        raise


def _lost(error: Exception) -> str | None:
    """Return the sentence for what a collective of torch raises."""
    if not isinstance(error, RuntimeError) or not _GONE.search(str(error)):
        return None
    return (
        "Another process of this training is gone; it said why, or was killed, perhaps for want "
        f"of memory: {_AGAIN}."
    )


def _ended(error: Exception) -> str | None:
    """Return the sentence for what the process that started the others raises."""
    from torch.multiprocessing import ProcessExitedException

    if not isinstance(error, ProcessExitedException):
        return None
    if error.signal_name == signal.SIGKILL.name:
        how = "was killed, perhaps for want of memory"
    elif error.signal_name:
        how = f"was ended by {error.signal_name}"
    else:
        how = f"ended with status {error.exit_code}"
    return f"Process {error.error_index} of this training {how}: {_AGAIN}."
