"""Splits: named, hashed assignments of objects to train, validation and test."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.config.subsets import SubsetRule
from skybind.data.parts import check_fractions, random_parts
from skybind.data.subsets import PARTS, draw_subset
from skybind.data.twins import tell_moved, together
from skybind.errors import DataError
from skybind.files import atomic_path, raise_of_machine
from skybind.parquet import read_parquet, write_parquet
from skybind.texts import to_texts

FRACTIONS = (0.8, 0.1, 0.1)

#: What to do where a part of a split has too few objects.
TOO_FEW = (
    "give more objects, other fractions (--set split.fractions=[0.6,0.2,0.2]), or a split of your "
    "own (--split FILE)"
)


@dataclass
class Split:
    """Which objects train, validate and test.

    Attributes
    ----------
    object_id : ndarray of str, shape (n,)
    part : ndarray of str, shape (n,)
        `train`, `validation`, `test`, or "" for an object that takes no part.
    subsets : dict of str to ndarray of bool, shape (n,)
        Named subsets, e.g. "10": the objects kept when labels are scarce.
    recipe : dict
        How it was made (kind, seed, fractions ...).
    appended : int
        Objects at the end that came to the dataset after the split was made. They are in no part,
        neither hashed nor written.
    """

    object_id: np.ndarray
    part: np.ndarray
    subsets: dict[str, np.ndarray] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    appended: int = 0

    def __post_init__(self) -> None:
        unknown = self.part[~np.isin(self.part, [*PARTS, ""])]
        if len(unknown):
            raise DataError(
                f"A split has a part '{min(unknown)}': the parts are train, validation and test."
            )

    @property
    def hash(self) -> str:
        """Hash of who is in which part and subset, whatever the order; 16 hex digits."""
        return self._digest(set(self.subsets))

    @property
    def parts_hash(self) -> str:
        """Hash of who is in which part, whatever the subsets."""
        return self._digest(set())

    @property
    def _known(self) -> int:
        return len(self.object_id) - self.appended

    def _digest(self, subsets: set[str]) -> str:
        order = np.argsort(self.object_id[: self._known])
        digest = hashlib.sha256()
        for start in range(0, len(order), 65536):
            some = order[start : start + 65536]
            pairs = zip(self.object_id[some].tolist(), self.part[some].tolist(), strict=True)
            digest.update("".join(f"{name}\t{part}\n" for name, part in pairs).encode())
        for name in sorted(subsets):
            digest.update(f"subset {name}\n".encode())
            digest.update(np.packbits(self.subsets[name][order]).tobytes())
        return digest.hexdigest()[:16]

    def rows(self, part: str, subset: str | None = None) -> np.ndarray:
        """Indices of the objects of a part, in the split's own order.

        Parameters
        ----------
        part : str
            `train`, `validation` or `test`.
        subset : str, optional
            Only those of this subset; None or "full" for all.
        """
        keep = self.part == part
        if subset is not None and subset not in ("full", "100"):
            if subset not in self.subsets:
                have = ", ".join(self.subsets) or "none"
                raise DataError(f"The split has no subset '{subset}' (it has {have}).")
            keep = keep & self.subsets[subset]
        return np.flatnonzero(keep)

    def align(self, object_id: np.ndarray) -> "Split":
        """Give the split in the order of `object_id`; objects it does not know take no part."""
        if np.array_equal(self.object_id, object_id):  # nothing of either is sorted or copied
            return replace(self, object_id=np.asarray(object_id), appended=0)
        order = np.argsort(self.object_id)
        place = np.searchsorted(self.object_id[order], object_id)
        place = np.minimum(place, max(len(order) - 1, 0))
        index = order[place] if len(order) else np.zeros(len(object_id), int)
        known = self.object_id[index] == object_id if len(order) else np.zeros(len(object_id), bool)
        return Split(
            np.asarray(object_id),
            np.where(known, self.part[index], ""),
            {name: known & keep[index] for name, keep in self.subsets.items()},
            self.recipe,
        )

    def grown(self, object_id: np.ndarray) -> "Split":
        """Give the split of a dataset to which objects were appended; they are in no part.

        Parameters
        ----------
        object_id : ndarray of str
            Of the grown dataset: the split's own objects, then the others.
        """
        return replace(self.align(object_id), appended=len(object_id) - len(self.object_id))

    def with_subset(
        self, name: str, labels: np.ndarray, seed: int, rule: SubsetRule = "water-filling"
    ) -> "Split":
        """Add the subset of a name, unless it is there.

        Parameters
        ----------
        name : str
            A percentage of the labels of each part, `10`, or training objects a class, `5-each`.
        labels : ndarray of str, shape (n,)
            Objects without one, "", are in no subset.
        seed : int
            Draws which objects of a class are kept.
        rule : {"water-filling", "release"}
            How percentages are cut (`skybind.data.subsets`).

        Raises
        ------
        DataError
            If the name is not that of a subset.
        """
        if name in self.subsets:
            return self
        keep = draw_subset(name, self.part, labels, seed, rule)
        return replace(self, subsets={**self.subsets, name: keep})

    def grew_from(self, other: str) -> bool:
        """Whether a hash is this split's, now or before subsets were added at its end."""
        names = list(self.subsets)
        return any(other == self._digest(set(names[:n])) for n in range(len(names), -1, -1))

    def agrees(self, other: "Split") -> bool:
        """Whether another split has the same parts, and the same objects in common subsets."""
        if self.appended != other.appended:  # appended objects are in no part
            return self._alone().agrees(other._alone())
        return self.parts_hash == other.parts_hash and all(
            self._digest({name}) == other._digest({name})
            for name in self.subsets.keys() & other.subsets.keys()
        )

    def _alone(self) -> "Split":
        """Give the split of the objects that are in a part."""
        some = self.part != ""
        subsets = {name: keep[some] for name, keep in self.subsets.items()}
        return Split(self.object_id[some], self.part[some], subsets, self.recipe)

    def write(self, path: str | Path) -> None:
        """Write as Parquet, with the hash and the recipe in the schema."""
        n = self._known
        columns: dict[str, Any] = {
            "object_id": pa.array(self.object_id[:n].tolist(), pa.string()),
            "part": pa.array(self.part[:n].tolist(), pa.string()),
        }
        columns |= {f"subset_{name}": pa.array(keep[:n]) for name, keep in self.subsets.items()}
        note = {"hash": self.hash, "recipe": self.recipe}
        table = pa.table(columns).replace_schema_metadata({b"skybind": json.dumps(note).encode()})
        with atomic_path(path) as temporary:
            write_parquet(table, temporary)

    @classmethod
    def read(cls, path: str | Path) -> "Split":
        """Read a split from Parquet, or from a CSV with columns object_id and part.

        Raises
        ------
        DataError
            If it cannot be read, lacks a column, or its content does not fit its hash.
        """
        path = Path(path)
        if not path.exists():
            raise DataError(f"There is no split at {path}.")
        try:
            if path.suffix == ".csv":
                from pyarrow import csv

                options = csv.ConvertOptions(
                    column_types={"object_id": pa.string(), "part": pa.string()}
                )
                table = csv.read_csv(path, convert_options=options)
            else:
                table = read_parquet(path)
            note = dict(json.loads((table.schema.metadata or {}).get(b"skybind", b"{}")))
        except (pa.ArrowException, OSError, ValueError, TypeError) as error:
            raise_of_machine(error)
            first = (str(error).splitlines() or [""])[0][:300].rstrip(".")
            raise DataError(f"The split {path} cannot be read: {first}.") from error
        for name in ("object_id", "part"):
            if name not in table.column_names:
                raise DataError(f"The split {path} has no column '{name}'.")
        object_id = _text(table["object_id"], path)
        names, counts = np.unique(object_id, return_counts=True)
        if (counts > 1).any():
            raise DataError(
                f"The split {path} names an object twice, the first is '{names[counts > 1][0]}': "
                "an object takes one part only."
            )
        split = cls(
            object_id,
            _text(table["part"], path),
            {
                name.removeprefix("subset_"): table[name].to_numpy().astype(bool)
                for name in table.column_names
                if name.startswith("subset_")
            },
            note.get("recipe", {}),
        )
        # the hash of older files covers the parts alone
        if "hash" in note and note["hash"] not in (split.hash, split.parts_hash):
            raise DataError(f"The split {path} was changed after it was made: its hash differs.")
        return split


def _text(column: pa.ChunkedArray, path: Path) -> np.ndarray:
    try:
        return to_texts(column)
    except pa.ArrowException as error:
        raise_of_machine(error)
        raise DataError(f"The split {path} has names that are no text: {error}.") from error


def random_split(
    object_id: np.ndarray,
    labels: np.ndarray | None = None,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 42,
) -> Split:
    """Split at random, each class in the same proportions if `labels` are given.

    Where classes are so small that a part would get no object at all, they are not heeded, and it
    is said.
    """
    part, recipe = random_parts(len(object_id), labels, fractions, seed)
    return Split(object_id, part, recipe=recipe)


def sky_split(
    object_id: np.ndarray,
    ra: np.ndarray,
    dec: np.ndarray,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 42,
    cell: float = 5.0,
) -> Split:
    """Split by region: whole cells of the sky of about `cell` degrees go to one part.

    Cells have equal area: bands of equal width in sin(dec), each cut evenly in ra.
    """
    check_fractions(fractions)
    bad = ~(np.isfinite(ra) & np.isfinite(dec))
    if bad.any():
        raise DataError(
            f"A split by sky region needs coordinates: object '{object_id[bad][0]}' has none "
            f"({int(bad.sum())} objects)."
        )
    cells = sky_cells(ra, dec, cell)
    names, inverse, counts = np.unique(cells, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    filled = (np.cumsum(counts[order]) - counts[order] / 2) / counts.sum()
    part_of_cell = np.empty(len(names), int)
    part_of_cell[order] = np.searchsorted(np.cumsum(fractions)[:2], filled, side="right")
    recipe = {"kind": "sky", "fractions": list(fractions), "seed": seed, "cell_deg": cell}
    return Split(object_id, np.asarray(PARTS)[part_of_cell[inverse]], recipe=recipe)


def sky_cells(ra: np.ndarray, dec: np.ndarray, cell: float) -> np.ndarray:
    """Number the cells of equal area of the sky, of about `cell` degrees, that objects lie in."""
    n_band = max(1, round(180 / cell))
    n_ra = max(1, round(360 / cell))
    band = np.minimum(((np.sin(np.radians(dec)) + 1) / 2 * n_band).astype(int), n_band - 1)
    return np.asarray(band * n_ra + np.minimum((ra % 360 / 360 * n_ra).astype(int), n_ra - 1))


def column_split(
    object_id: np.ndarray, values: np.ndarray, parts: Mapping[str, Sequence[str]] | None = None
) -> Split:
    """Split by the values of a column.

    Parameters
    ----------
    object_id, values : ndarray, shape (n,)
    parts : mapping of part to values, optional
        E.g. `{"train": ["2014", "2015"], "test": ["2016"]}`; without it the column itself
        must hold the names of the parts.
    """
    text = np.asarray(values).astype(str)
    if parts is not None:
        lookup = {str(value): part for part, members in parts.items() for value in members}
        text = np.asarray([lookup.get(value, "") for value in text], dtype=str)
    return Split(object_id, text, recipe={"kind": "column"})


def make_split(
    kind: str,
    object_id: np.ndarray,
    *,
    labels: np.ndarray | None = None,
    ra: np.ndarray | None = None,
    dec: np.ndarray | None = None,
    fractions: Sequence[float] = FRACTIONS,
    subsets: Sequence[str] = (),
    seed: int = 42,
    groups: np.ndarray | None = None,
) -> Split:
    """Make a random or sky split, with subsets of the labels such as `10` and `5-each`.

    Objects of one of the `groups` (see `skybind.data.twins`) come into one part.
    """
    if kind == "random":
        split = random_split(object_id, labels, fractions, seed)
    elif kind == "sky":
        if ra is None or dec is None:
            raise DataError("A split by sky region needs ra and dec.")
        split = sky_split(object_id, ra, dec, fractions, seed)
    else:
        raise DataError(f"A split of kind '{kind}' is not known: use random or sky.")
    if groups is not None:
        split.part, moved = together(split.part, groups)
        if moved:
            split.recipe["twins"] = {"moved": moved}
            tell_moved(moved)
    for name in subsets:
        if labels is None:
            raise DataError(f"The subset '{name}' needs labels, which are not given.")
        split = split.with_subset(name, labels, seed)
    return split
