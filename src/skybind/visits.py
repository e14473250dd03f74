"""Several observations of one kind an object: spectra of a supernova, repeat visits of a star."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from skybind.ragged import Ragged, flat_index, offsets_of

NAME, TIME = "visit", "time"


def visits_of(observation: str) -> str:
    """Name of the column with all observations of one kind, where an object has several."""
    return f"{observation}_visits"


@dataclass
class Visits:
    """Observations of one kind, any number an object, in the order of their visits.

    Object `i` owns the visits `offsets[i]:offsets[i + 1]`.

    Attributes
    ----------
    ragged : Ragged
        One row a visit, V in all.
    offsets : ndarray of int64, shape (n + 1,)
        Where each object's visits begin; the last entry is V.
    name : ndarray of str, shape (V,)
        What the source calls each visit.
    time : ndarray of float64, shape (V,)
        When it was [d]; NaN where the source does not say.
    """

    ragged: Ragged
    offsets: np.ndarray
    name: np.ndarray
    time: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def counts(self) -> np.ndarray:
        """Number of visits of each object, shape (n,)."""
        return np.diff(self.offsets)

    @property
    def owner(self) -> np.ndarray:
        """Object of each visit, shape (V,)."""
        return np.repeat(np.arange(len(self)), self.counts)

    @property
    def present(self) -> np.ndarray:
        """Which objects have a visit, shape (n,) bool."""
        return self.counts > 0

    def take(self, rows: np.ndarray) -> "Visits":
        """Select objects by index, in the order given."""
        rows = np.asarray(rows, np.int64)
        counts = self.counts[rows]
        return self._chosen(flat_index(self.offsets[rows], counts), counts)

    def filter(self, keep: np.ndarray) -> "Visits":
        """Keep the visits where `keep` is true; objects stay, perhaps without any."""
        index = np.flatnonzero(keep)
        return self._chosen(index, np.bincount(self.owner[index], minlength=len(self)))

    def _chosen(self, index: np.ndarray, counts: np.ndarray) -> "Visits":
        """Give some visits, so many of each object."""
        return Visits(
            self.ragged.take(index), offsets_of(counts), self.name[index], self.time[index]
        )

    def first(self) -> Ragged:
        """Give the first visit of each object; absent where it has none."""
        here = np.flatnonzero(self.present)
        found = self.ragged.take(self.offsets[here])
        lengths = np.zeros(len(self), np.int64)
        lengths[here] = found.lengths
        present = np.zeros(len(self), bool)
        present[here] = found.present
        return Ragged(found.fields, offsets_of(lengths), present)

    def or_first(self, first: Ragged) -> "Visits":
        """Give an object without visits the one observation that is known of it.

        Parameters
        ----------
        first : Ragged
            Of the same objects and fields.
        """
        lacking = np.flatnonzero(~self.present & first.present)
        if not len(lacking):
            return self
        more = first.take(lacking)
        lengths = np.concatenate([self.ragged.lengths, more.lengths])
        fields = {
            name: np.concatenate([self.ragged.fields[name], values])
            for name, values in more.fields.items()
            if name in self.ragged.fields
        }
        present = np.concatenate([self.ragged.present, more.present])
        owner = np.concatenate([self.owner, lacking])
        order = np.argsort(owner, kind="stable")
        unknown = np.full(len(lacking), np.nan)
        return Visits(
            Ragged(fields, offsets_of(lengths), present).take(order),
            offsets_of(np.bincount(owner, minlength=len(self))),
            np.concatenate([self.name, np.full(len(lacking), "", object)])[order],
            np.concatenate([self.time, unknown])[order],
        )

    def to_arrow(self) -> pa.ListArray:
        """Give the Arrow column: a list of structs, null where an object has no visit."""
        struct = self.ragged.to_arrow()
        fields = [struct.field(i) for i in range(struct.type.num_fields)]
        arrays = [pa.array(self.name.tolist(), pa.string()), pa.array(self.time, from_pandas=True)]
        names = [NAME, TIME, *(field.name for field in struct.type)]
        visits = pa.StructArray.from_arrays([*arrays, *fields], names=names)
        null = pa.array(~self.present)
        return pa.ListArray.from_arrays(pa.array(self.offsets, pa.int32()), visits, mask=null)

    @classmethod
    def from_arrow(cls, column: pa.ChunkedArray | pa.Array) -> "Visits":
        """Read an Arrow column of lists of structs.

        Raises
        ------
        ValueError
            If it is none, or the lists of one visit have different lengths.
        """
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        array = pa.concat_arrays(chunks) if chunks else pa.array([], column.type)
        kind = array.type
        if not pa.types.is_list(kind) or not pa.types.is_struct(kind.value_type):
            raise ValueError(f"{kind} is no list of structs")
        counts = np.asarray(array.value_lengths().fill_null(0).to_numpy())
        visits = array.flatten()
        fields = [field.name for field in visits.type]
        if not {NAME, TIME} <= set(fields):
            raise ValueError(f"its structs lack '{NAME}' or '{TIME}'")
        times = visits.field(TIME).cast(pa.float64()).to_numpy(zero_copy_only=False)
        names = np.asarray([name or "" for name in visits.field(NAME).to_pylist()], object)
        return cls(Ragged.from_arrow(observations_in(visits)), offsets_of(counts), names, times)


def observations_in(visits: pa.StructArray) -> pa.StructArray:
    """Give the observations in structs of visits, without their names and times."""
    own = [field.name for field in visits.type if field.name not in (NAME, TIME)]
    return pa.StructArray.from_arrays([visits.field(name) for name in own], names=own)
