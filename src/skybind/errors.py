"""What skybind raises: each message is one sentence that says what, where and what to do."""

from skybind.printable import printable


class SkybindError(Exception):
    """Base of every error that a user can cause; the command line prints it without a traceback.

    Its message may quote data, and is written so that a terminal can show it (`printable`).
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class DataError(SkybindError):
    """A dataset, a survey file or a split is not what it should be."""


class ConfigError(SkybindError):
    """A configuration has an unknown key, a value out of range, or parts that contradict."""


class ModelError(SkybindError):
    """A saved model cannot be opened, or does not fit the data it is asked to embed."""


class LeakError(SkybindError):
    """Objects that a model was trained on would be used to test it."""


class ProcessError(SkybindError):
    """A process that took part in some work was killed; what is done already is kept."""


class AlreadyDone(SkybindError):
    """What was asked for is there, and nothing was done: the command line says so and ends well."""


def quoted(error: BaseException) -> str:
    """Return what an error says, on one line and without its full stop, to end a sentence."""
    return " ".join(str(error).split())[:300].rstrip(". ")
