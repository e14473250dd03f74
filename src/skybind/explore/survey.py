"""A run as the explorer sees it: its maps, columns and vectors, opened once and held."""

import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.discovery.table import read_discovery
from skybind.drawing.from_dataset import columns_of, load_examples
from skybind.drawing.observed import ExampleObject
from skybind.embeddings.mapped import MappedEmbeddings
from skybind.errors import DataError
from skybind.evaluation.clusters import Layout, lay_out, mapped_model, read_layouts
from skybind.evaluation.targets import Target, targets_of
from skybind.files import is_writable
from skybind.labelling.judgements import Judgements
from skybind.models.model import Model
from skybind.parquet import read_parquet
from skybind.progress import say, step
from skybind.report.run_map import class_order
from skybind.runs.cases import Case, finished_cases, widest_case
from skybind.runs.classes import CaseClasses, open_case, stored_classes
from skybind.runs.embedding import stored_embeddings
from skybind.runs.run import Run
from skybind.search.places import Places
from skybind.words import nearest

#: What the page may ask, and what it may send, by path: called with survey and request, and with
#: the body of what was sent.
Questions = tuple[dict[str, Callable[..., Any]], dict[str, Callable[..., Any]]]
#: Objects whose observations are held, so that folding one again reads nothing.
HELD = 64


class Survey:
    """A run opened for looking at: what all questions of the page are answered from.

    Observations are read by object from the dataset, vectors lie in memory-mapped files; only
    names, maps and the columns that were asked for are in memory.

    Parameters
    ----------
    run : Run
        With embeddings.
    read_only : bool
        Write nothing into the run's folder: the mapped vectors stand in a temporary folder.

    Attributes
    ----------
    run, read_only
        As above.
    uploads : dict of int to ExampleObject
        What the files held that were searched for last.
    lock : RLock
        Held while files are read: questions come from several threads.

    Raises
    ------
    DataError
        If the run has no embeddings.
    """

    def __init__(self, run: Run, read_only: bool = False) -> None:
        self.run, self.read_only = run, read_only
        self.lock = RLock()
        self._examples: dict[tuple[tuple[str, ...], int], ExampleObject] = {}
        self.uploads: dict[int, ExampleObject] = {}
        #: Called when the survey is closed.
        self.closing: list[Callable[[], None]] = []
        self._answered: tuple[int | None, pa.Table | None] = (None, None)
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if not run.paths.embeddings.exists():
            raise DataError(
                f"The run in {run.folder} has no embeddings yet: 'skybind embed {run.folder}' "
                "makes them."
            )
        self.places = Places(run.folder, run.dataset.path, None)
        self.places.use(run.dataset)
        with step("opening the embeddings"):
            self.stream = MappedEmbeddings.of(run.paths.embeddings, self._cache())
        self.maps = {"+".join(layout.modalities): layout for layout in self._layouts()}

    def close(self) -> None:
        """End what was begun, and delete what was written, for this opening alone."""
        for end in self.closing:
            end()
        if self._temporary is not None:
            self._temporary.cleanup()

    def row(self, object_id: str) -> int:
        """Row of an object in the dataset.

        Raises
        ------
        DataError
            If there is no such object; the nearest name is given.
        """
        return int(self.rows[self.stream.row(object_id)])

    def layout(self, name: str) -> Layout:
        """Return a map by its name.

        Raises
        ------
        DataError
            If there is none of that name.
        """
        if name not in self.maps:
            raise DataError(f"There is no map '{name}': {nearest(name, list(self.maps))}")
        return self.maps[name]

    def examples(self, rows: Sequence[int], first: Sequence[str] = ()) -> list[ExampleObject]:
        """Read what was observed of some objects; the last `HELD` that were read are held.

        Parameters
        ----------
        rows : sequence of int
        first : sequence of str
            Modalities whose columns are read before others of their kind (see `columns_of`).
        """
        columns = columns_of(self.run, first)
        drawn = tuple(columns.values())
        wanted = list(dict.fromkeys((drawn, row) for row in rows))
        missing = [row for _, row in wanted if (drawn, row) not in self._examples]
        if missing:
            names = self.run.class_names
            read = load_examples(self.run.dataset, np.array(missing), self.targets, names, columns)
            self._examples |= {(drawn, row): example for row, example in read.items()}
        known = {key: self._examples.pop(key) for key in wanted}
        self._examples |= known  # to the end
        for key in list(self._examples)[:-HELD]:
            del self._examples[key]
        return [known[drawn, row] for row in rows]

    @cached_property
    def rows(self) -> np.ndarray:
        """Row of the dataset of each object of the embeddings, shape (N,)."""
        found = self.places.rows(self.stream.object_id)
        if (found < 0).any():
            raise DataError(
                f"The embeddings in {self.stream.folder} are of other objects than the dataset at "
                f"{self.run.dataset.path}: 'skybind embed {self.run.folder}' makes them anew."
            )
        return found

    @cached_property
    def targets(self) -> list[Target]:
        """Numbers of the dataset that are to be predicted."""
        return targets_of(self.run.dataset)

    @cached_property
    def class_order(self) -> list[str]:
        """Names of all classes, in the order of their colours, as in the report's figures."""
        return class_order(self.run)

    @cached_property
    def case(self) -> Case | None:
        """The run's widest classifier; None without one."""
        cases = finished_cases(self.run)
        return widest_case(cases) or next(iter(cases), None)

    @cached_property
    def classifier(self) -> Model | None:
        """That classifier itself, where its classes are on disk."""
        if self.case is None or self.classes is None:
            return None
        return open_case(self.run, self.case)

    @cached_property
    def classes(self) -> CaseClasses | None:
        """What the run's widest classifier says, where that is on disk; nothing is computed."""
        case = self.case
        if case is None or not self.run.paths.case(case.name).classes.exists():
            return None
        found = stored_classes(self.run, case)
        if found is None:
            say(
                f"The classes in {self.run.paths.case(case.name).classes} are of another model, "
                f"dataset or split and are not shown: 'skybind classify {self.run.folder}' makes "
                "them anew."
            )
        return found

    @property
    def answered(self) -> pa.Table | None:
        """The classes by the classifier that was trained last with answers; None without one.

        They are read again where a training wrote them since, whoever began it.
        """
        path = self.run.paths.labels.classes
        written = path.stat().st_mtime_ns if path.exists() else None
        if written != self._answered[0]:
            self._answered = written, None if written is None else self._read_answered(path)
        return self._answered[1]

    def _read_answered(self, path: Path) -> pa.Table | None:
        table = read_parquet(path)
        if table["object_id"].to_pylist() != self.run.dataset.object_ids.tolist():
            say(f"The classes in {path} are of other objects and are not shown: train again.")
            return None
        return table

    @cached_property
    def judgements(self) -> Judgements:
        """What people said of the objects."""
        return Judgements(self.run)

    @property
    def refused(self) -> str:
        """Why nothing of a person's is written into the run's folder; "" if it is."""
        if self.read_only:
            return "The explorer was started with --read-only: start it without, to judge objects."
        if not is_writable(self.run.folder):
            return f"{self.run.folder} cannot be written: nothing can be judged or trained here."
        return ""

    @cached_property
    def suspects(self) -> pa.Table | None:
        """The table of outliers, the most suspect first; None without 'skybind discover'.

        One of another model is told and not shown.
        """
        path = self.run.paths.discover.outliers()
        if not path.exists():
            return None
        try:
            return read_discovery(path, model=self.stream.model.get("weights"))
        except DataError as error:
            say(str(error))
            return None

    @cached_property
    def suspect_rows(self) -> np.ndarray:
        """Place of each object of the dataset in the table of outliers, -1 for none, (n,)."""
        place = np.full(len(self.run.dataset), -1)
        if self.suspects is not None:
            ids = self.suspects["object_id"]
            rows = self.places.rows(ids)
            place[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
        return place

    def _cache(self) -> Path:
        """Folder for the mapped vectors: the run's, or a temporary one."""
        own = self.run.paths.prepared
        if not self.read_only and is_writable(self.run.folder):
            return own
        self._temporary = tempfile.TemporaryDirectory(prefix="skybind-explore-")
        return Path(self._temporary.name)

    def _layouts(self) -> list[Layout]:
        """Return the maps that the evaluation made; without any, one of all modalities, now.

        None where the run's configuration makes none.
        """
        model = mapped_model(self.run.paths.maps)
        if model is not None and model != self.stream.model.get("weights"):
            say(
                f"The maps in {self.run.paths.maps} are of another model than the embeddings and "
                f"are not shown: 'skybind evaluate {self.run.folder}' makes them anew."
            )
            return []
        known = read_layouts(self.run.paths.maps)
        if known:
            return known
        if self.run.config.evaluation.map == "none":
            return []
        with step("drawing the map, as the run was not evaluated"):
            try:
                embeddings = stored_embeddings(self.run)
            except DataError as error:  # nothing is embedded, nor written, for a look
                say(str(error))
                return []
            made = lay_out(self.run, embeddings, tuple(embeddings.modalities))
        return [] if made is None else [made]
