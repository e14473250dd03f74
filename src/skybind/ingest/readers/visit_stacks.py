"""Files of arrays with a row a spectrum, of which an object may have several."""

from collections import Counter

import numpy as np

from skybind.errors import DataError
from skybind.ingest.name_column import Names
from skybind.ingest.names import places_of_names
from skybind.ingest.observation_spec import SpectrumSpec
from skybind.ingest.readers.long import Rows, Unknown, unknown_object, visits_are_text
from skybind.ingest.readers.stacks import Stack
from skybind.ingest.visits import row_visits, unit_of_visits
from skybind.ragged import Ragged, flat_index, offsets_of
from skybind.visits import Visits


class VisitStack(Stack):
    """Arrays of spectra, each a visit of its object; parameters as of `Stack`."""

    def read(self, rows: np.ndarray, object_id: np.ndarray | Names) -> tuple[Ragged | Visits, Rows]:
        """Read the spectra of some objects; a row that is damaged is set aside."""
        counts = np.diff(self._offsets)[rows]
        index = flat_index(self._offsets[rows], counts)
        names = self._name[index]
        objects = np.repeat(np.asarray(object_id[rows], object), counts)
        spectra, aside = self._readable(
            self._rows[index], objects, [f" (visit {n})" for n in names]
        )
        visits = Visits(spectra, offsets_of(counts), names, self._time[index])
        return visits.filter(spectra.present) if aside else visits, aside

    def _by_name(self, known: np.ndarray, object_id: np.ndarray) -> np.ndarray:
        """Find the rows of each object; gives the first, -1 where it has none."""
        assert isinstance(self.spec, SpectrumSpec)
        assert self.spec.visit is not None
        column = str(self.spec.visit.column)
        values = self.of_rows(column)
        where = f"{self.spec.index or self.file}, '{column}' (visit)"
        if values.ndim != 1 or len(values) != self.n:
            raise DataError(f"{where} does not hold one value for each of the {self.n} spectra.")
        if values.dtype.kind == "S":
            values = np.char.decode(values, "utf-8").astype(object)
        owner = places_of_names(known, object_id, f"{self.modality}, {self.file}")
        unknown = Unknown(unknown_object(self.spec))
        unknown.add(Counter(known[owner < 0].tolist()))
        for name, reason in unknown.reasons():
            self._aside(name, reason)
        own = self.arrays.units.get(column) if self.spec.index is None else None
        stated = self._index.units.get(column) if self.spec.index is not None else own
        unit = unit_of_visits(self.spec.visit, stated)
        as_text = visits_are_text(values)
        visits = row_visits(owner, values, unit, where, as_text=as_text, each=True)
        self._rows = np.full(len(visits.owner), -1, np.int64)
        known_rows = np.flatnonzero(visits.place >= 0)
        self._rows[visits.place[known_rows]] = known_rows
        self._name, self._time = visits.name, visits.time
        for owned, reason in visits.untimed():
            self._aside(str(object_id[owned]), reason)
        self._offsets = offsets_of(np.bincount(visits.owner, minlength=len(object_id)))
        has = np.diff(self._offsets) > 0
        first = np.full(len(object_id), -1, np.int64)
        first[has] = self._rows[self._offsets[:-1][has]]
        return first
