"""Selections that are kept with the run, and what sets two of them apart."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from starlette.requests import Request

from skybind.discovery.views import mean_spectra
from skybind.drawing.folding import fold
from skybind.errors import DataError
from skybind.explore.columns import paints
from skybind.explore.power import centred
from skybind.explore.survey import Questions, Survey
from skybind.files import atomic_path, check_name, plain_json
from skybind.locks import now
from skybind.measures.clusters import distinctions
from skybind.parquet import read_parquet, write_parquet
from skybind.words import nearest

#: Columns that a comparison tells at most.
TOLD = 12
#: Light curves of a selection that are averaged at most, and bins of phase.
AVERAGED, BINS = 100, 40
#: What all objects are called in a comparison.
OTHERS = "all others"
AGAIN = "delete it, and keep the selection again"


class Kept:
    """The selections that are kept in a run's folder, `RUN/selections/NAME.parquet`.

    Parameters
    ----------
    survey : Survey
    """

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.folder = survey.run.paths.selections

    def questions(
        self,
        arrow: Callable[..., Any],
        rows_of: Callable[[Survey, bytes], np.ndarray],
    ) -> Questions:
        """Return what the page may ask.

        Parameters
        ----------
        arrow, rows_of : callable
            Turn columns to an answer; read rows.
        """

        def known(survey: Survey, request: Request) -> Any:
            return {"kept": self.known(), "refused": survey.refused}

        def rows(survey: Survey, request: Request) -> Any:
            found = self.rows(_name(request))
            lost = self.size(_name(request)) - len(found)
            said = f"{lost:,} of its objects are not in the dataset any more" if lost else ""
            return arrow({"row": found.astype(np.int32)}, {"said": said})

        def compared(survey: Survey, request: Request) -> Any:
            return self.compared(_name(request), _name(request, "with"))

        def keep(survey: Survey, request: Request, body: bytes) -> Any:
            self.keep(_name(request), rows_of(survey, body), _name(request, "said"))
            return {"kept": self.known()}

        def forget(survey: Survey, request: Request, body: bytes) -> Any:
            self.forget(_name(request))
            return {"kept": self.known()}

        asked = {"/api/kept": known, "/api/kept/rows": rows, "/api/compared": compared}
        sent = {"/api/kept/keep": keep, "/api/kept/forget": forget}
        return asked, sent

    def known(self) -> list[dict[str, Any]]:
        """Say which selections are kept: name, number of objects, what they were selected by."""
        told = []
        for name in self.names():
            table = read_parquet(self._there(name), again=AGAIN)
            note = table.schema.metadata or {}
            said = {key: note.get(key.encode(), b"").decode() for key in ("said", "when")}
            told.append({"name": name, "n": len(table), **said})
        return told

    def names(self) -> list[str]:
        """Names of the selections that are kept, damaged ones among them."""
        return sorted(path.stem for path in self.folder.glob("[!.]*.parquet"))

    def keep(self, name: str, rows: np.ndarray, said: str) -> None:
        """Keep a selection under a name, in the place of one of that name.

        Raises
        ------
        DataError
            If nothing may be written, or nothing is selected.
        ConfigError
            If the name is not safe as that of a file.
        """
        self._check(name)
        if not len(rows):
            raise DataError("Nothing is selected: there is nothing to keep.")
        ids = self.survey.run.dataset.object_ids[np.sort(rows)].tolist()
        table = pa.table({"object_id": pa.array(ids, pa.string())})
        with atomic_path(self._path(name)) as temporary:
            write_parquet(table.replace_schema_metadata({"said": said, "when": now()}), temporary)

    def forget(self, name: str) -> None:
        """Delete a kept selection.

        Raises
        ------
        DataError
            If nothing may be written, or there is none of that name.
        """
        self._check(name)
        self._there(name).unlink()

    def rows(self, name: str) -> np.ndarray:
        """Return the rows of a kept selection; objects that the dataset lost are left out.

        Raises
        ------
        DataError
            If there is none of that name.
        """
        check_name(name, "The selection's name")
        ids = read_parquet(self._there(name), ["object_id"], again=AGAIN)["object_id"]
        rows = self.survey.places.rows(ids)
        return np.asarray(rows[rows >= 0])

    def size(self, name: str) -> int:
        """Return how many objects a kept selection names."""
        check_name(name, "The selection's name")
        return len(read_parquet(self._there(name), ["object_id"], again=AGAIN))

    def compared(self, one: str, other: str) -> dict[str, Any]:
        """Say what sets a selection apart from another, or from all other objects.

        Returns
        -------
        dict
            `names`, `n`, `both` (objects in both, which are left out of the columns), `columns`
            (`Distinction`s with their `unit`, the largest effect first), `curves` (mean folded
            light curve of each: `phase`, `value`, `error`, `n`) and `spectra` (mean spectrum of
            each).
        """
        inside = np.zeros(len(self.survey.run.dataset), bool)
        inside[self.rows(one)] = True
        outside = ~inside
        if other and other != OTHERS:
            outside[:] = False
            outside[self.rows(other)] = True
        both = inside & outside
        first, second = np.flatnonzero(inside & ~both), np.flatnonzero(outside & ~both)
        if not len(first) or not len(second):
            raise DataError("One of the two holds nothing that the other does not: choose others.")
        rows = np.concatenate([first, second])
        part = np.repeat([0, 1], [len(first), len(second)])
        painted = paints(self.survey)
        columns = {name: paint.values(rows) for name, paint in painted.items()}
        found = distinctions(part == 0, columns, TOLD)
        told_columns = [{**entry.plain(), "unit": painted[entry.column].unit} for entry in found]
        spectra = mean_spectra(self.survey.run, rows, part)
        told: dict[str, Any] = plain_json(
            {
                "names": [one, other or OTHERS],
                "n": [len(first), len(second)],
                "both": int(both.sum()),
                "columns": told_columns,
                "curves": [self._mean_curve(some) for some in (first, second)],
                "spectra": [{**vars(mean), "axis": mean.axis} for mean in spectra],
            }
        )
        return told

    def _mean_curve(self, rows: np.ndarray) -> dict[str, Any] | None:
        """Average folded light curves: each from 0 at its faintest to 1 at its brightest.

        The standard error of a bin that fewer than two curves have is not known: NaN.
        """
        rng = np.random.default_rng(self.survey.run.config.seed)
        drawn = np.sort(rng.permutation(rows)[:AVERAGED])
        binned, column = [], ""
        for example in self.survey.examples(drawn.tolist()):
            curve = example.light_curve
            if curve is None or not curve.period or len(curve.time) < BINS:
                continue
            column = curve.column
            sign = -1.0 if curve.value_name == "Magnitude" else 1.0
            brightness = sign * centred(curve)[0]  # bands lie apart, and are averaged together
            low, high = np.nanpercentile(brightness, [2, 98])
            if not high > low:
                continue
            value = (brightness - low) / (high - low)
            place = np.minimum((fold(curve) * BINS).astype(int), BINS - 1)
            known = np.isfinite(value)
            count = np.bincount(place[known], minlength=BINS)
            total = np.bincount(place[known], value[known], minlength=BINS)
            binned.append(np.where(count > 0, total / np.maximum(count, 1), np.nan))
        if len(binned) < 2:
            return None
        stacked = np.asarray(binned)
        number = np.isfinite(stacked).sum(axis=0)
        with warnings.catch_warnings():  # of bins that none or one of the curves has
            warnings.simplefilter("ignore", RuntimeWarning)
            mean, spread = np.nanmean(stacked, axis=0), np.nanstd(stacked, axis=0, ddof=1)
        return {
            "phase": (np.arange(BINS) + 0.5) / BINS,
            "value": mean,
            "error": spread / np.sqrt(np.maximum(number, 1)),
            "n": len(binned),
            "column": column,
        }

    def _check(self, name: str) -> None:
        if self.survey.refused:
            raise DataError(self.survey.refused)
        check_name(name, "The selection's name")

    def _there(self, name: str) -> Path:
        path = self._path(name)
        if not path.exists():
            names = [known["name"] for known in self.known()]
            raise DataError(f"There is no kept selection '{name}': {nearest(name, names)}")
        return path

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.parquet"


def _name(request: Request, key: str = "name") -> str:
    return request.query_params.get(key, "")[:300]
