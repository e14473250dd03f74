"""What the machine refuses (disk, rights, memory), as one sentence for a user."""

import errno
import os
import re

#: Of each refusal what to do. What is not here is told as the system calls it.
_ADVICE = {
    errno.ENOSPC: "make room, or choose another place",
    errno.EDQUOT: "make room within your quota, or choose another place",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f), or choose another place",
    errno.EROFS: "choose a place that can be written",
    errno.EACCES: "ask for the rights, or choose another place",
    errno.EPERM: "ask for the rights, or choose another place",
    errno.ENOENT: "check that the path is right and that nobody moved it",
    errno.EISDIR: "a file is wanted there, not a folder",
    errno.ENOTDIR: "a folder is wanted there, not a file",
    errno.EEXIST: "remove it, or choose another place",
    errno.ENOTEMPTY: "another program may be writing there; choose another place",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "raise the limit on open files (ulimit -n), or give fewer processes",
    errno.ENFILE: "close other programs: the machine has too many open files",
    errno.ENOMEM: "close other programs, or give fewer processes or smaller batches",
    errno.EAGAIN: "close other programs, or give fewer processes",
    errno.EIO: "the disk or the connection to it may be failing",
    errno.ESTALE: "the network file system lost it",
    errno.ELOOP: "its links lead in a circle",
    errno.EXDEV: "the temporary place and the last one must be on one file system",
}
#: What a machine says that cannot read now: the disk, the server, or no memory or files left.
_MACHINE = {errno.EIO, errno.ESTALE, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENXIO}
_MEMORY = "not enough memory: close other programs, or give fewer processes or smaller batches"
_OF_MEMORY = re.compile(
    r"(?:can't|cannot) allocate memory|not enough memory|out of memory|bad_alloc|malloc failure"
    r"|failed to map segment"  # of a library that is being imported
    r"|could not create a (?:primitive|memory)",  # oneDNN, of a layer that it can make elsewhere
    re.I,
)
# how Rust (safetensors), Arrow and HDF5 spell the number of what the system refused
_NUMBER = re.compile(r"\b(?:os error|errno)\W{1,4}(\d+)", re.I)
# PyTorch and numpy, when a file that they write does not take any more
_UNWRITTEN = re.compile(r"PytorchStreamWriter failed|inline_container|requested and \d+ written")


def of_machine(error: BaseException) -> bool:
    """Return whether an error tells of the machine, and nothing of the file that was read."""
    if isinstance(error, MemoryError):
        return True
    text = str(error)
    if isinstance(error, RuntimeError | ImportError) and _OF_MEMORY.search(text):
        return True
    known = error.errno if isinstance(error, OSError) else None
    return (known or _number(text)) in _MACHINE


def refusal(error: BaseException) -> str | None:
    """Return the sentence for an error that the machine caused; None for any other.

    Libraries wrap such errors in their own, so the number of the refusal is also looked for in
    their texts, and in what an error was raised from.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str or None
        The path where that is known, what was refused and what to do.
    """
    seen: BaseException | None = error
    while seen is not None:
        if (said := _refused(seen)) is not None:
            return said
        seen = seen.__cause__
    return None


def _refused(error: BaseException) -> str | None:
    text = str(error)
    if isinstance(error, MemoryError):
        return f"{_MEMORY}{f' ({_first_line(text)})' if text else ''}."
    if isinstance(error, OSError | RuntimeError) and _UNWRITTEN.search(text):
        return "a file could not be written to its end: make room, or choose another place."
    if isinstance(error, OSError):
        return _sentence(error.errno or _number(text), error.filename, text)
    if isinstance(error, UnicodeEncodeError) and "surrogates" in text:
        name = ascii(error.object) if isinstance(error.object, str) else "a path"
        return f"the name {name} is not valid UTF-8: rename the file or the folder."
    if not isinstance(error, Exception):
        return None
    if isinstance(error, RuntimeError | ImportError) and _OF_MEMORY.search(text):
        return f"{_MEMORY} ({_first_line(text)})."
    number = _number(text)
    return None if number is None else _sentence(number, None, text)


def _number(text: str) -> int | None:
    found = _NUMBER.search(text)
    number = None if found is None else int(found.group(1))
    return number if number in errno.errorcode else None


def _sentence(number: int | None, place: object, text: str) -> str:
    if isinstance(place, str | bytes | os.PathLike):
        place = os.fsdecode(place)
    where = "" if place is None else f"{place}: "
    if number is None:
        return f"{where}{_first_line(text) or 'the system refused it'}."
    advice = _ADVICE.get(number, "give another place, or ask who runs this machine")
    what = os.strerror(number)
    return f"{where}{what[0].lower()}{what[1:]}: {advice}."


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip(".")
