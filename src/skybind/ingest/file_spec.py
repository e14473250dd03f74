"""Files as a mapping names them, and how they are read."""

from collections.abc import Mapping as AbstractMapping
from typing import Any

from pydantic import Field, model_validator

from skybind.ingest.column import Section

#: Formats of files that hold arrays with one row an object.
STACKS = ("npz", "hdf5", "fits_images")


def stack_format(file: str, format: str | None, kind: str) -> str | None:
    """Format of a file of arrays (see `STACKS`); None for a table."""
    if format is not None:
        return format if format in STACKS else None
    ending = file.lower()
    if ending.endswith(".npz"):
        return "npz"
    if ending.endswith((".h5", ".hdf5", ".hdf")):
        return "hdf5"
    fits = ending.removesuffix(".gz").endswith((".fits", ".fit"))
    return "fits_images" if fits and kind == "image" else None


class FileSpec(Section):
    """A file and how it is read."""

    file: str | None = Field(
        None,
        description="Path, relative to the mapping. Of a table in parts of the same columns: a "
        "list of paths, a glob such as 'epochs/*.parquet', a folder of tables, or that of a HATS "
        "catalogue.",
    )
    parts: list[str] = Field(
        [], description="Paths of a table in parts; a list under 'file' is the same."
    )
    format: str | None = Field(None, description="Format, where the file's name does not tell it.")
    delimiter: str | None = Field(None, description="Between the columns of a CSV.")
    hdu: int | None = Field(
        None, description="Which extension of a FITS file, or table of a VOTable, from 1.", ge=0
    )
    names: list[str] | None = Field(
        None, description="Columns of a text table that has no header, in order."
    )
    skip_lines: int = Field(0, description="Leading lines of a text table to leave out.", ge=0)

    @model_validator(mode="before")
    @classmethod
    def _list_of_files(cls, raw: Any) -> Any:
        if not isinstance(raw, AbstractMapping) or not isinstance(raw.get("file"), list):
            return raw
        files = [str(file) for file in raw["file"]]
        if not files:
            raise ValueError("the list of files is empty")
        return {**raw, "file": ", ".join(files), "parts": files}

    def table_options(self) -> dict[str, Any]:
        """Give what `read_table` has to know of the file."""
        return {
            "format": self.format,
            "delimiter": self.delimiter,
            "hdu": self.hdu,
            "names": self.names,
            "skip_lines": self.skip_lines,
        }
