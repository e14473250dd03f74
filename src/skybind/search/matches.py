"""What is told of the matches of a search: columns, how alike they are, what they predict."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from skybind.data.cone import known_positions
from skybind.data.dataset import Dataset
from skybind.data.placed import notes_of
from skybind.data.redshifts import redshifts_of
from skybind.data.schema import DEC, RA
from skybind.data.seen import plain_name
from skybind.errors import DataError
from skybind.search.copies import copies_of
from skybind.search.nearest import (
    SAME,
    DuplicateRule,
    SpectrumPrediction,
    predict_column,
    predict_spectrum,
    separation,
    tell_relation,
)
from skybind.search.places import Places
from skybind.search.result import SearchResult
from skybind.words import nearest


def describe_matches(
    result: SearchResult,
    places: Places,
    columns: Sequence[str] | None,
    predict: Sequence[str],
    rule: DuplicateRule,
) -> None:
    """Add columns of the dataset, what each match is to its query, and predictions."""
    rows = np.full(len(result), -1)
    apart = np.full(len(result), np.nan)
    copied = np.zeros(len(result), bool)
    if places.has_data:
        asked = [query.name for query in result.queries]
        names = [*result.object_id.tolist(), *asked]  # all at once: they are looked for one by one
        found = places.rows(pa.chunked_array([names], pa.string()))
        rows = found[: len(result)]
        _add_columns(result, places.dataset, rows, columns, predict)
        apart = _separations(result, places.dataset, found[len(result) :])
        copied = _copies(result, places.dataset, rows, found[len(result) :], bool(predict))
    elif columns or predict:
        places.dataset  # noqa: B018  says that the dataset is not known
    result.relation = _relations(result, apart, rule, copied)
    result.notes += _unlike_notes(result)
    _add_predictions(result, places, rows, predict)


def _add_columns(
    result: SearchResult,
    dataset: Dataset,
    rows: np.ndarray,
    columns: Sequence[str] | None,
    predict: Sequence[str],
) -> None:
    """Add the position and the columns asked for, once all of these and `predict` are usable."""
    if columns is None:
        columns = dataset.schema.with_role("label")
    for name in columns:
        _require_column(dataset, name, flat=True)
    for name in predict:
        _require_column(dataset, name)
    wanted = list(dict.fromkeys([RA, DEC, *columns]))
    result.columns = {name: _values(dataset, name, rows) for name in wanted}
    result.described = notes_of(dataset)


def _copies(
    result: SearchResult, dataset: Dataset, rows: np.ndarray, asked: np.ndarray, predicting: bool
) -> np.ndarray:
    """Which matches have the observation or the catalogue row of their query.

    Observations of the matches are read for that: of a query that is an object of the survey, whose
    cosines tell most copies, only where they would predict.
    """
    copied = np.zeros(len(result), bool)
    for i, query in enumerate(result.queries):
        own = int(asked[i]) if query.row is not None and asked[i] >= 0 else None
        if query.row is None or (predicting and own is not None):
            mine = result.query == i
            copied[mine] = copies_of(query, dataset, rows[mine], own)
    return copied


def _relations(
    result: SearchResult, apart: np.ndarray, rule: DuplicateRule, copied: np.ndarray
) -> np.ndarray:
    """What each match is to its query."""
    same = np.asarray(
        [result.queries[q].row == r for q, r in zip(result.query, result.row, strict=True)]
    )
    # across modalities a cosine near 1 does not tell the same data
    comparable = np.asarray([set(names) == set(result.target) for names in result.source])
    cosine = np.where(comparable[result.query], result.cosine, np.nan)
    cosine = np.where(copied, 1.0, cosine)  # the values themselves do
    limit = np.asarray(result.alike or [np.nan] * len(result.queries))
    with np.errstate(invalid="ignore"):
        unlike = result.cosine < limit[result.query]
    return tell_relation(cosine, same, apart, rule, unlike)


def _unlike_notes(result: SearchResult) -> list[str]:
    """Say of which queries nothing alike was found, and by what measure."""
    notes = []
    for i, query in enumerate(result.queries):
        mine = result.query == i
        if mine.any() and (result.relation[mine] == "unlike").all():
            notes.append(
                f"Nothing like {query.name} was found: the nearest has a cosine of "
                f"{result.cosine[mine].max():.3f}, and of {result.among} all but one in a "
                f"hundred have another within {result.alike[i]:.3f}."
            )
    return notes


def _named_alike(result: SearchResult) -> np.ndarray:
    """Which matches have the name of their query, but for blanks and form of letters.

    Case counts between objects of one dataset, and tells nothing of a query from elsewhere.
    """
    fold = [query.row is None for query in result.queries]
    names = [plain_name(q.name, own) for q, own in zip(result.queries, fold, strict=True)]
    pairs = zip(result.query, result.object_id, strict=True)
    return np.asarray([names[q] == plain_name(str(match), fold[q]) for q, match in pairs], bool)


def _add_predictions(
    result: SearchResult, places: Places, rows: np.ndarray, predict: Sequence[str]
) -> None:
    """Add what the matches of each query predict of each column.

    The query itself tells nothing, under another name neither.
    """
    others = ~np.isin(result.relation, [*SAME]) & ~_named_alike(result)
    hidden = int((~others & (result.relation != "itself")).sum())
    if predict and hidden:
        result.notes.append(
            f"{hidden:,} matches are a query itself under another name, or have its data or its "
            "position: nothing is predicted by them."
        )
    for i in range(len(result.queries)):
        mine = np.flatnonzero((result.query == i) & others & (rows >= 0))
        result.predictions.append([])
        for name in predict:
            if name in places.dataset.schema.observations:
                made, said = _predicted_spectrum(places.dataset, name, rows[mine])
                result.spectra.append(made)
                result.notes += [f"{result.queries[i].name}: {said}"] if said else []
            else:
                values = _values(places.dataset, name, rows[mine])
                result.predictions[i].append(predict_column(name, values))


def _separations(result: SearchResult, dataset: Dataset, asked: np.ndarray) -> np.ndarray:
    """Distance of each match from its query in the sky [arcsec]; `asked`: rows of the queries."""
    apart = np.full(len(result), np.nan)
    for i, query in enumerate(result.queries):
        ra, dec = query.position
        if query.row is not None:
            own = asked[i : i + 1]
            if own[0] >= 0:
                place = (dataset.column(name, own) for name in (RA, DEC))
                ra, dec = (float(axis[0]) for axis in known_positions(*place))
                query.position = (ra, dec)
        mine = result.query == i
        there = known_positions(result.columns[RA][mine], result.columns[DEC][mine])
        apart[mine] = separation(ra, dec, *there)
    return apart


def _values(dataset: Dataset, name: str, rows: np.ndarray) -> np.ndarray:
    """Column of some rows; NaN or "" where the row is -1."""
    known = np.flatnonzero(rows >= 0)
    stored = dataset.plotted(name, rows[known])
    if stored.dtype.kind in "UO":
        values = np.full(len(rows), "", dtype=object)
    else:
        values = np.full(len(rows), np.nan)
    values[known] = stored
    return values


def _require_column(dataset: Dataset, name: str, flat: bool = False) -> None:
    if name not in dataset.schema.columns:
        raise DataError(
            f"The dataset at {dataset.path} has no column '{name}': "
            f"{nearest(name, list(dataset.schema.columns))}"
        )
    if name in dataset.schema.observations:
        if flat:
            raise DataError(f"'{name}' is an observation: name a column of numbers or text.")
        if (dataset.schema.columns[name].modality or name) != "spectrum":
            raise DataError(f"'{name}' has no mean to predict: name a spectrum or a flat column.")


def _predicted_spectrum(
    dataset: Dataset, name: str, rows: np.ndarray
) -> tuple[SpectrumPrediction, str]:
    """Average the spectra of matches, at rest where two or more of their redshifts are known.

    Second, what is to be said of that; "" where the survey has no redshifts.
    """
    from skybind.drawing.from_dataset import observed_spectra

    if not len(rows):
        raise DataError("There is no match to predict a spectrum from.")
    found = redshifts_of(dataset, rows)
    redshift = np.full(len(rows), np.nan) if found is None else found[0]
    known = np.isfinite(redshift)
    at_rest = observed_spectra(dataset, name, rows[known], redshift[known])
    others = observed_spectra(dataset, name, rows[~known])
    if len(at_rest) < 2:
        every = observed_spectra(dataset, name, rows)
        made = replace(predict_spectrum(every), column=name)
        observed = "as they were observed, whatever their redshifts: fewer than two are known"
        said = [] if found is None else [f"the mean {name} is of spectra {observed}"]
    else:
        every = at_rest
        made = predict_spectrum(every)
        made = replace(made, column=name, frame="rest", left_out=len(others))
        lost = f"; {len(others)} without a known redshift are left out" if others else ""
        said = [f"the mean {name} is in the rest frame{lost}"]
    apart = len(every) - made.averaged
    if apart:
        said.append(
            f"{apart} of {len(every)} spectra are not in the mean {name}: they are noise, or have "
            "no wavelength in common with it"
        )
    return made, ". ".join(said) + "." if said else ""
