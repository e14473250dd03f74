"""Embeddings in memory and as Parquet shards."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skybind.embeddings.means import unit_mean
from skybind.embeddings.shards import FORMAT_VERSION, ID, METADATA_KEY, SPLIT, Shards
from skybind.embeddings.stream import EmbeddingStream
from skybind.embeddings.visits import (
    PATTERN,
    VisitVectors,
    joined,
    read_visits,
    write_visits,
)
from skybind.errors import DataError
from skybind.files import atomic_path, link_or_copy
from skybind.memory import zeros
from skybind.parquet import write_parquet
from skybind.record import Record, read_record, write_sealed
from skybind.tables import to_pandas
from skybind.texts import to_texts
from skybind.words import html_facts, join, nearest

if TYPE_CHECKING:
    from astropy.table import Table
    from pandas import DataFrame

SHARD_ROWS = 100_000
#: Beside embeddings: which state of a dataset they are of.
STATE = "state.json"
GROUP_ROWS = 8192  # few objects are read without decoding many


@dataclass(repr=False)
class Embeddings:
    """The embeddings of objects, one vector a modality, and which model made them.

    Attributes
    ----------
    object_id : ndarray of str, shape (N,)
        Names of the objects, unique.
    split : ndarray of str, shape (N,)
        `train`, `validation`, `test`, or empty for an object outside the split.
    vectors : dict of str to ndarray of float32, shape (N, D)
        Unit-length embeddings of each modality; zeros where absent.
    present : dict of str to ndarray of bool, shape (N,)
        Whether the object was observed in the modality.
    model : dict
        Identity of the model, as JSON: configuration hash, split hash, versions.
    visits : dict of str to VisitVectors
        Where an object may have several observations in a modality: the vector of each. That in
        `vectors` is their mean, to unit length.
    state : str
        Fingerprint of the dataset as it was embedded; "" where it is not known, or was none.

    Raises
    ------
    DataError
        If the arrays do not belong together.

    Examples
    --------
    >>> emb = Embeddings(np.array(["a", "b"]), np.array(["", ""]),
    ...                  {"photometry": np.eye(2)}, {"photometry": np.array([True, True])})
    >>> emb
    <Embeddings of 2 objects: photometry 2; 2 numbers each>
    >>> emb["photometry"].shape
    (2, 2)
    """

    object_id: np.ndarray
    split: np.ndarray
    vectors: dict[str, np.ndarray]
    present: dict[str, np.ndarray]
    model: dict[str, Any] = field(default_factory=dict)
    visits: dict[str, VisitVectors] = field(default_factory=dict)
    state: str = ""

    def __post_init__(self) -> None:
        n = len(self.object_id)
        if len(self.split) != n:
            raise DataError(f"The embeddings have {n} objects but {len(self.split)} split entries.")
        if set(self.vectors) != set(self.present):
            raise DataError("The embeddings' vectors and presence name different modalities.")
        for name, values in self.vectors.items():
            if name in (ID, SPLIT):
                raise DataError(f"A modality cannot be called '{name}': give it another name.")
            if values.ndim != 2 or len(values) != n or self.present[name].shape != (n,):
                raise DataError(
                    f"The embeddings of '{name}' have shape {values.shape} for {n} objects."
                )
            self.vectors[name] = np.ascontiguousarray(values, dtype=np.float32)
            self.present[name] = np.asarray(self.present[name], dtype=bool)

    def __len__(self) -> int:
        return len(self.object_id)

    def __getitem__(self, modality: str) -> np.ndarray:
        """Unit vectors of a modality, shape (N, D); zeros where absent (see `present`)."""
        return self.vectors[self._known([modality])[0]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.vectors)

    def __contains__(self, modality: object) -> bool:
        return modality in self.vectors

    def _ipython_key_completions_(self) -> list[str]:
        return self.modalities

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {int(n.sum()):,}" for name, n in self.present.items())
        widths = sorted({values.shape[1] for values in self.vectors.values()})
        numbers = " or ".join(map(str, widths))
        return f"<Embeddings of {len(self):,} objects: {counts}; {numbers} numbers each>"

    def _repr_html_(self) -> str:
        facts = {"objects": f"{len(self):,}"}
        for name, values in self.vectors.items():
            there = int(self.present[name].sum())
            facts[name] = f"{there:,} objects, {values.shape[1]} numbers each"
        return html_facts("Embeddings", facts)

    @property
    def modalities(self) -> list[str]:
        """Names of the modalities, in order."""
        return list(self.vectors)

    def rows(self, split: str) -> np.ndarray:
        """Give the row numbers of the objects of one split."""
        return np.flatnonzero(self.split == split)

    def any_present(self, modalities: Sequence[str] | None = None) -> np.ndarray:
        """Tell which objects have at least one of the modalities (all: None), shape (N,)."""
        observed = np.zeros(len(self), dtype=bool)
        for name in self._known(modalities):
            observed |= self.present[name]
        return observed

    def mean(self, modalities: Sequence[str] | None = None) -> np.ndarray:
        """Average the vectors of the modalities that an object has, to unit length.

        Parameters
        ----------
        modalities : sequence of str, optional
            Which modalities to use; all by default.

        Returns
        -------
        ndarray of float32, shape (N, D)
            Zeros for an object that has none of them (see `any_present`).

        Raises
        ------
        DataError
            If a modality is unknown, or their lengths differ.
        """
        names = self._known(modalities)
        if len({self.vectors[name].shape[1] for name in names}) > 1:
            raise DataError(f"The embeddings of {', '.join(names)} have different lengths.")
        return unit_mean([self.vectors[n] for n in names], [self.present[n] for n in names])

    def take(self, rows: np.ndarray) -> "Embeddings":
        """Select objects by row number, in the order given."""
        return Embeddings(
            self.object_id[rows],
            self.split[rows],
            {name: values[rows] for name, values in self.vectors.items()},
            {name: flags[rows] for name, flags in self.present.items()},
            self.model,
            {name: own.take(self.object_id[rows]) for name, own in self.visits.items()},
            self.state,
        )

    def write(self, folder: str | Path, shard_rows: int = SHARD_ROWS) -> None:
        """Write `folder/part-*.parquet`, whole or not at all, replacing what was there.

        Parameters
        ----------
        folder : str or Path
            Where the shards shall stand.
        shard_rows : int
            Most objects in one shard.
        """
        if shard_rows < 1:
            raise DataError(f"A shard of {shard_rows} rows is impossible: give at least 1.")
        refuse_others(Path(folder))
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            write_state(temporary, self.state)
            write_visits(temporary, self.visits, self.model)
            alone = replace(self, visits={})
            for number, start in enumerate(range(0, max(len(self), 1), shard_rows)):
                rows = np.arange(start, min(start + shard_rows, len(self)))
                alone.take(rows).write_shard(temporary, number)

    def write_shard(self, folder: str | Path, number: int) -> Path:
        """Write all objects as one shard, so that workers can fill one folder independently.

        Vectors are not compressed, which would save little, and stand whole in a page: a few are
        read in place (`embeddings/located.py`).
        """
        codecs = {f"{name}.list.element": "none" for name in self.vectors}
        path = Path(folder) / f"part-{number:05d}.parquet"
        with atomic_path(path) as temporary:
            write_parquet(
                self.to_arrow(),
                temporary,
                use_dictionary=[SPLIT],
                row_group_size=GROUP_ROWS,
                compression={ID: "zstd", SPLIT: "zstd", **codecs},
                write_page_index=True,
            )
        return path

    def to_table(self) -> "Table":
        """Return an astropy table: names, split, and a column of vectors a modality.

        A vector is NaN where the object lacks the modality.
        """
        from astropy.table import Column, Table

        table = Table({ID: self.object_id, SPLIT: self.split}, meta={"model": self.model})
        for name, values in self.vectors.items():
            filled = np.where(self.present[name][:, None], values, np.float32(np.nan))
            table[name] = Column(filled, description=f"Unit vector of the {name}")
        return table

    def to_pandas(self) -> "DataFrame":
        """Return a data frame: names, split, and a column of vectors a modality.

        A vector is None where the object lacks the modality. Needs pandas.
        """
        return to_pandas(self.to_arrow())

    def to_arrow(self) -> pa.Table:
        """Give the table that is stored: null where an object lacks the modality."""
        columns: dict[str, pa.Array] = {
            ID: pa.array(self.object_id.tolist(), pa.string()),
            SPLIT: pa.array(self.split.tolist(), pa.string()),
        }
        for name, values in self.vectors.items():
            columns[name] = pa.FixedSizeListArray.from_arrays(
                pa.array(values.ravel()), values.shape[1], mask=pa.array(~self.present[name])
            )
        described = {"format_version": FORMAT_VERSION, "kind": "embeddings", "model": self.model}
        metadata = {METADATA_KEY: json.dumps(described, sort_keys=True).encode()}
        return pa.table(columns).replace_schema_metadata(metadata)

    @classmethod
    def read(cls, folder: str | Path) -> "Embeddings":
        """Read all shards of a folder, in the order of their names.

        Raises
        ------
        DataError
            If there are none, one is damaged, or they come from different models.
        """
        shards = Shards.open(folder)
        n = shards.parts[-1].first + shards.parts[-1].n
        present = {name: np.zeros(n, bool) for name in shards.modalities}
        vectors = {m: zeros((n, length), np.float32) for m, length in shards.modalities.items()}
        # the rows that a chunk holds stand one after another, and no more than one is in memory
        whole = EmbeddingStream(shards)
        for name, values in vectors.items():
            for rows, own in whole.chunks([name]):
                values[rows], present[name][rows] = own, True
        ids, split = to_texts(whole.object_id), to_texts(shards.table([SPLIT])[SPLIT])
        visits = read_visits(folder, shards.model)
        return cls(ids, split, vectors, present, shards.model, visits, read_state(folder))

    def _known(self, modalities: Sequence[str] | None) -> list[str]:
        names = self.modalities if modalities is None else list(modalities)
        if not names:
            raise DataError("No modality was named: name at least one.")
        for name in names:
            if name not in self.vectors:
                hint = nearest(name, self.modalities) if self.modalities else "they have none."
                raise DataError(f"The embeddings have no modality '{name}': {hint}")
        return names


def merge(folders: Sequence[Path], target: Path) -> None:
    """Put embeddings of several folders, one after the other, into one: whole or not at all.

    Their files are linked, or copied where that cannot be; only vectors of visits are read.

    Parameters
    ----------
    folders : sequence of Path
        As `Embeddings.write` makes them, by one model, of one state of a dataset.
    target : Path
        Replaced if it holds embeddings.

    Raises
    ------
    DataError
        If they are of several models or states.
    """
    refuse_others(target)
    with atomic_path(target) as temporary:
        temporary.mkdir()
        visits: dict[str, list[VisitVectors]] = {}
        number = 0
        states = {read_state(folder) for folder in folders}
        if len(states) > 1:
            raise DataError(
                f"{join(list(map(str, folders)))} are of different states of a dataset: embed all "
                "objects of one."
            )
        write_state(temporary, "".join(states))
        for folder in folders:
            shards = Shards.open(folder)
            for name, own in read_visits(folder, shards.model).items():
                visits.setdefault(name, []).append(own)
            for part in shards.parts:
                link_or_copy(part.path, temporary / f"part-{number:05d}.parquet")
                number += 1
        write_visits(temporary, {n: joined(own) for n, own in visits.items()}, shards.model)
        Shards.open(temporary)  # of one model


def refuse_others(target: Path) -> None:
    """Refuse a folder that holds anything but embeddings."""
    if not target.is_dir():
        return
    for path in target.iterdir():
        if not any(map(path.match, ("part-*.parquet", PATTERN, STATE))):
            raise DataError(
                f"{target} holds other files ('{path.name}'): choose an empty or a new folder."
            )


class _State(Record):
    dataset: str


def write_state(folder: Path, state: str) -> None:
    """Note beside embeddings which state of a dataset they are of; nothing where that is ""."""
    if state:
        write_sealed(folder / STATE, {"dataset": state})


def read_state(folder: str | Path) -> str:
    """Read the fingerprint of the dataset that was embedded; "" where it is not noted."""
    try:
        return read_record(Path(folder) / STATE, _State, "run 'skybind embed' again").dataset
    except FileNotFoundError:
        return ""
