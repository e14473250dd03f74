"""Where what is searched lies: embeddings, model and dataset."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.config import Config
from skybind.config.load import validate
from skybind.data.dataset import Dataset
from skybind.data.lineage import appends_since
from skybind.data.schema import ID
from skybind.embeddings.store import read_state
from skybind.errors import DataError, SkybindError
from skybind.models.stored import read_note
from skybind.progress import say
from skybind.runs.layout import RunPaths, model_folder
from skybind.runs.status import read_status

#: Fewer names than one in so many of the dataset's are looked for the other way round.
FEW = 8
#: Of a larger dataset than this its names are not kept in memory to look for so many or fewer.
SOME = 100_000


class Places:
    """Where embeddings, model and dataset are: in a run's folder, or as told."""

    def __init__(self, folder: Path, data: str | Path | None, model: str | Path | None) -> None:
        if not folder.exists():
            raise DataError(f"There is no folder {folder}: name a run or embeddings.")
        is_run = RunPaths(folder).note.exists()
        run = RunPaths(folder if is_run else folder.parent)
        self.embeddings = run.embeddings if is_run else folder
        # a run may be named in place of its model
        self.model = run.model if model is None else model_folder(model)
        self._data = Path(data) if data is not None else None
        self._state = read_state(self.embeddings)
        self._of_run = run.note.exists() and self.embeddings == run.embeddings
        if self._of_run:
            status = read_status(run.folder)
            self._data = self._data or Path(status.data)
            self._state = self._state or status.fingerprint
        self._dataset: Dataset | None = None
        self._names: pa.ChunkedArray | None = None

    @property
    def has_data(self) -> bool:
        """Whether it is known where the dataset is."""
        return self._data is not None

    @property
    def dataset(self) -> Dataset:
        """The dataset, opened when it is first asked for.

        Raises
        ------
        DataError
            If it is not known where it is.
        """
        if self._dataset is None:
            if self._data is None:
                raise DataError(
                    f"{self.embeddings} is not in a run, so its dataset is not known: name it with "
                    "--data."
                )
            self._dataset = Dataset.open(self._data)
            self._tell_older()
        return self._dataset

    def reads(self, identity: Mapping[str, Any]) -> dict[str, str]:
        """Return the column that the model reads of each modality.

        None where there is no model that can be read, or not the one of the embeddings: a search by
        an object needs none.

        Parameters
        ----------
        identity : mapping
            Of the model that made the embeddings.
        """
        try:
            note = read_note(self.model)
            config = validate(Config, note["config"], f"the model in {self.model}")
        except SkybindError:
            return {}
        if note["identity"]["weights"] != identity.get("weights"):
            return {}
        return {name: entry.column_of(name) for name, entry in config.modalities.items()}

    def use(self, dataset: Dataset) -> None:
        """Take the dataset as it is opened already, with its computed columns."""
        self._dataset, self._data = dataset, dataset.path
        self._names = None
        self._tell_older()

    def _tell_older(self) -> None:
        """Say where the embeddings are of the dataset before something was appended to it."""
        if self._data is None or not appends_since(self._data, self._state):
            return
        again = (
            "'skybind update' makes both anew"
            if self._of_run
            else f"'skybind embed' with --data {self._data} makes them anew"
        )
        say(
            f"The embeddings in {self.embeddings} are of an older state of {self._data}: what was "
            "appended since is not among them, and objects with new observations are found by "
            f"their old ones. {again}."
        )

    def rows(self, object_id: pa.ChunkedArray) -> np.ndarray:
        """Row of the dataset of each object, -1 for one that it has not."""
        if self._names is None and len(object_id) <= SOME < len(self.dataset):
            return self._looked_for(object_id)  # all names would take hundreds of bytes each
        if self._names is None:
            self._names = self.dataset.table([ID])[ID]
        own = self._names
        if own.equals(object_id):
            return np.arange(len(own))
        if len(object_id) * FEW > len(own):
            found = pc.index_in(object_id, value_set=own.combine_chunks())
            return pc.fill_null(found, -1).to_numpy()
        return _rows_of_few(object_id, [own])

    def _looked_for(self, object_id: pa.ChunkedArray) -> np.ndarray:
        """Row of a few objects in a large dataset, whose names are read once, piece by piece."""
        tables = self.dataset.iter_tables([ID], rows=65_536)
        return _rows_of_few(object_id, (table[ID] for table in tables))


def _rows_of_few(object_id: pa.ChunkedArray, pieces: Iterable[pa.ChunkedArray]) -> np.ndarray:
    """Row of each of a few names among those that come in pieces; -1 of one that is not there."""
    few = pc.unique(object_id)  # a table of few names is made quicker than one of all
    row = np.full(len(few), -1)
    first = 0
    for names in pieces:
        place = pc.fill_null(pc.index_in(names, value_set=few), -1).to_numpy()
        seen = np.flatnonzero(place >= 0)
        row[place[seen]] = first + seen
        first += len(names)
    return np.asarray(row[pc.index_in(object_id, value_set=few).to_numpy()])


def dataset_of(folder: str | Path, data: str | Path | None = None) -> Dataset:
    """Open the dataset that a run's (or told) embeddings belong to."""
    return Places(Path(folder), data, None).dataset
