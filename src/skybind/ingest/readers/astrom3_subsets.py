"""Subsets of AstroM3's labels as its authors drew them: the configurations sub50, sub25, sub10."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from skybind.errors import DataError
from skybind.ingest.readers.astrom3_arrays import MEASURED, read_matrices
from skybind.ingest.readers.shards import Shard, iter_rows, open_shards

#: The published subsets, as their folders and as splits call them.
SUBSETS = {"sub50": "50", "sub25": "25", "sub10": "10"}
_NAME = re.compile(r"(full|sub50|sub25|sub10)_([0-9]+)(_norm)?")
ROWS = 1024


def configuration_folder(path: Path) -> Path:
    """Give the folder that is called like a configuration: the one given, or the one in it."""
    inside = {file.parent for file in path.rglob("*.parquet")}
    named = [folder for folder in inside if _NAME.fullmatch(folder.name)]
    return named[0] if len(named) == 1 and not _NAME.fullmatch(path.resolve().name) else path


def find_subsets(
    path: Path, shards: list[Shard]
) -> tuple[list[Path], dict[str, dict[str, np.ndarray]]]:
    """Find the subsets of a full configuration in the folders beside it, by their light curves.

    Parameters
    ----------
    path : Path
        Folder of the configuration; of one that is not full, nothing is found.
    shards : list of Shard
        Its files.

    Returns
    -------
    list of Path
        The folders of subsets.
    dict of str to dict of str to ndarray of bool
        Part -> subset -> which of its objects are in it.

    Raises
    ------
    DataError
        If a subset holds an object that the full configuration has not in the same part.
    """
    named = _NAME.fullmatch(path.resolve().name)
    if named is None or named[1] != "full":
        return [], {}
    folders: dict[str, Path] = {}
    for prefix, subset in SUBSETS.items():
        for suffix in (named[3] or "", "", "_norm"):
            folder = path.resolve().parent / f"{prefix}_{named[2]}{suffix}"
            if folder.is_dir():
                folders.setdefault(subset, folder)
    found: dict[str, dict[str, np.ndarray]] = {}
    if not folders:
        return [], found
    rows: dict[str, dict[bytes, list[int]]] = {}
    sizes: dict[str, int] = {}
    for part, row, digest in _digests(shards):
        rows.setdefault(part, {}).setdefault(digest, []).append(row)
        sizes[part] = row + 1
    for subset, folder in folders.items():
        for part, size in sizes.items():
            found.setdefault(part, {})[subset] = np.zeros(size, bool)
        taken = Counter[tuple[str, bytes]]()
        for part, row, digest in _digests(open_shards(folder)):
            same = rows.get(part, {}).get(digest, [])[taken[part, digest] :]
            if not same:
                raise DataError(
                    f"{folder.name} has an object (number {row + 1} of {part}) whose light curve "
                    f"{path.resolve().name} has not in that part: they are of different splits "
                    "(--option subsets=false does without)."
                )
            found[part][subset][same[0]] = True
            taken[part, digest] += 1
    return list(folders.values()), found


def _digests(shards: list[Shard]) -> Iterator[tuple[str, int, bytes]]:
    """Give part, place in it and a digest of the light curve and label of each object."""
    for rows in iter_rows(shards, ROWS, ["photometry", "label"]):
        table, shard = rows.read(), rows.shard
        curves = read_matrices(table, "photometry", shard.name)
        labels = table["label"].cast(pa.string()).to_pylist()
        values = np.ascontiguousarray(curves.values[:, :MEASURED], np.float32)
        for k, label in enumerate(labels):
            own = values[curves.offsets[k] : curves.offsets[k + 1]]
            digest = hashlib.blake2b(own.tobytes() + str(label).encode(), digest_size=16)
            yield shard.part, rows.start + k, digest.digest()
