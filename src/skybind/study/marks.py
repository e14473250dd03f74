"""YAML that a study writes and people may change, between marks that tell whether it is whole.

A configuration that ends in the middle is a configuration, too: of fewer keys.
"""

from pathlib import Path

from skybind.errors import ConfigError
from skybind.files import write_text

#: How YAML begins and ends a document.
BEGIN, END = "---", "..."


def write_whole(path: Path, text: str) -> None:
    """Write YAML between its marks, unless it stands there."""
    text = f"{BEGIN}\n{text}{END}\n"
    if not path.exists() or path.read_text("utf-8") != text:
        write_text(path, text)


def refuse_cut(path: Path) -> None:
    """Refuse YAML that has lost its end; an older skybind wrote no marks.

    Raises
    ------
    ConfigError
    """
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    if lines[:1] == [BEGIN.encode()] and END.encode() not in lines:
        raise ConfigError(
            f"{path} ends in the middle, without the line '{END}': mend it, or ask for the "
            "study again in another folder."
        )
