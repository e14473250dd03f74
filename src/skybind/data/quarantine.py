"""The quarantine of a dataset or run: what was set aside, with its reason."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from skybind.data.sources import readable
from skybind.files import atomic_path
from skybind.parquet import read_parquet, write_parquet

QUARANTINE_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("object_id", "source", "modality", "reason")]
)


#: What a reason says of one row stands in brackets.
_ASIDE = re.compile(r"(?<!/) \((?:[^()]|\([^()]*\))*\)")
_OPEN = re.compile(r"(?<!/) \(")
#: Name of the table in a folder.
QUARANTINE_FILE = "quarantine.parquet"


def write_quarantine(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the quarantine table of a dataset or run."""
    clean = [{name: row.get(name) for name in QUARANTINE_SCHEMA.names} for row in rows]
    with atomic_path(folder / QUARANTINE_FILE) as temporary:
        write_parquet(pa.Table.from_pylist(clean, QUARANTINE_SCHEMA), temporary)


def read_quarantine(folder: Path) -> list[dict[str, Any]]:
    """Read the quarantine table of a dataset or run; empty if there is none."""
    path = folder / QUARANTINE_FILE
    if not path.exists():
        return []
    with readable(f"The dataset at {folder}"):
        return read_parquet(path, QUARANTINE_SCHEMA.names).to_pylist()


def short_reason(reason: str, source: str = "") -> str:
    """A reason without what is particular to one row, so that reasons can be counted."""
    reason = _OPEN.split(_ASIDE.sub("", reason))[0]
    for name in (source, source.partition("/")[2], source.rpartition("/")[2]):
        if name:
            reason = reason.replace(name, "the file")
    return reason[:120].rstrip(".")
