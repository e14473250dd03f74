"""What is searched for: an object of the embeddings, or a new observation in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from skybind.embeddings.means import unit_mean
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError, ModelError
from skybind.ragged import Ragged
from skybind.words import nearest

if TYPE_CHECKING:
    from skybind.ingest.wanted import Wanted
    from skybind.models.model import Model

#: Why a file of several spectra is of no use.
NO_VISIT = "several spectra in one: call the column that tells them apart 'visit'"


@dataclass
class Query:
    """One query.

    Attributes
    ----------
    name : str
        The object's id, or the file's name.
    vectors : dict of str to ndarray, shape (D,)
        Its unit vector in each modality that it has.
    row : int, optional
        Its row in the embeddings; None for a file.
    contrast : ndarray, shape (D,), optional
        Its vector in the modality of a contrast, where it is not searched by that.
    position : (float, float)
        ra, dec [deg]; NaN where not known.
    observed : Ragged, optional
        What the file holds.
    limits : Ragged, optional
        Upper limits of a light curve in it, which are drawn and not searched by.
    kind, column : str
        Kind and column of what the file holds.
    fields : dict
        Units of its fields, as the model reads them.
    features : dict of str to float
        Features of the file's observation that the model was given.
    period : float
        Period [d] of the light curve in it; NaN where it has none.
    searched : bool
        Whether that period was found in the light curve, not given.
    notes : list of str
        Sentences about what was missing or computed.
    """

    name: str
    vectors: dict[str, np.ndarray]
    row: int | None = None
    contrast: np.ndarray | None = None
    position: tuple[float, float] = (np.nan, np.nan)
    observed: Ragged | None = None
    limits: Ragged | None = None
    kind: str = ""
    column: str = ""
    fields: dict[str, str | None] = field(default_factory=dict)
    features: dict[str, float] = field(default_factory=dict)
    period: float = np.nan
    searched: bool = False
    notes: list[str] = field(default_factory=list)

    def vector(self, modalities: Sequence[str]) -> np.ndarray:
        """Mean, to unit length, of its vectors in the modalities that it has.

        Raises
        ------
        DataError
            If it has none of them.
        """
        own = [self.vectors[name] for name in modalities if name in self.vectors]
        if not own:
            have = f"it has {' and '.join(self.vectors)}" if self.vectors else "it has none"
            raise DataError(f"{self.name} has no {' or '.join(modalities)} to search by ({have}).")
        return unit_mean([vector[None] for vector in own], [np.ones(1, bool)] * len(own))[0]


def query_object(stream: EmbeddingStream, object_id: str, modalities: Sequence[str]) -> Query:
    """Take an object of the embeddings as a query, with its vectors in some modalities."""
    row = stream.row(object_id)
    vectors = {}
    for name in modalities:
        found, present = stream.take(np.array([row]), name)
        if present[0]:
            vectors[name] = found[0]
    return Query(object_id, vectors, row)


def query_file(
    path: str | Path,
    model: str | Path,
    stream: EmbeddingStream,
    modality: str | None = None,
    values: Mapping[str, float] | None = None,
    format: str | None = None,
    visit: str | None = None,
) -> Query:
    """Read an observation and embed it with the model that made the embeddings.

    Parameters
    ----------
    path : str or Path
        FITS, CSV, ECSV, VOTable, Parquet or text (see `skybind.ingest.one_file.read_file`).
    model : str or Path
        Folder of the saved model.
    stream : EmbeddingStream
        That will be searched: it must be the work of the same model.
    modality : str, optional
        What the file holds; found out by default.
    values : mapping, optional
        Features that the model reads and the file has not, such as the period; ra, dec [deg].
    format : str, optional
        Of the file (see `skybind.ingest.one_file.read_file`); found out by default.
    visit : str, optional
        Which of several spectra that it holds; the first by default.

    Raises
    ------
    DataError
        If the file cannot be read or used.
    ModelError
        If the model is not the one that made the embeddings.
    """
    from skybind.ingest.one_file import read_file

    path, given = Path(path), dict(values or {})
    saved = _open_model(Path(model), stream, modality)
    reads = saved.reads
    content = read_file(path, {modality: reads[modality]} if modality else reads, format, visit)
    name = content.modality
    one = reads[name]
    query = Query(path.name, {}, kind=one.kind, column=one.column, notes=list(content.notes))
    query.position = (given.get("ra", np.nan), given.get("dec", np.nan))
    _refuse_unknown(given, one)
    given |= _plausible(query, one, given)
    if content.fields:
        query.observed = _of_one(content.fields)
        query.limits = _of_one(content.limits) if content.limits else None
        query.fields = content.units
        query.notes += _cleaned_of(query.observed, one.kind, path.name)
        known = {**_computed(query, saved, one, given), **given}
    else:
        known = {**content.features, **given}
    features = list(one.features)
    _note_missing(query, name, features, known)
    query.features = {c: known[c] for c in features if np.isfinite(known.get(c, np.nan))}
    query.vectors[name] = _embed(saved, name, query, features, known)
    return query


def _of_one(fields: Mapping[str, np.ndarray]) -> Ragged:
    """Make one observation of its fields."""
    length = len(next(iter(fields.values())))
    return Ragged(dict(fields), np.array([0, length]), np.array([True]))


def _refuse_unknown(given: Mapping[str, float], wanted: "Wanted") -> None:
    """Refuse values of what the model does not read."""
    names = list(wanted.features)
    for name in given:
        if name not in (*names, "ra", "dec"):
            hint = nearest(name, names) if names else "it reads no features."
            raise DataError(f"The model's {wanted.name} reads no '{name}': {hint}")


def _cleaned_of(observed: Ragged, kind: str, name: str) -> list[str]:
    """Say what the preprocessing leaves out of the file, and what in it may not be measured."""
    from skybind.ingest.build import CLEANERS
    from skybind.ingest.given_rows import cleaning_notes

    return cleaning_notes(CLEANERS[kind](observed), 1, name)


def _plausible(query: Query, wanted: "Wanted", given: Mapping[str, float]) -> dict[str, float]:
    """Give the values without those that stand for "not known"; what is far from all is told."""
    from skybind.ingest.plausible import given_numbers

    known = {}
    for name, value in given.items():
        if name in wanted.features:
            where, unit = f"--value {name}", wanted.features[name]
            numbers, _, notes = given_numbers(np.array([value]), name, wanted, name, unit, where)
            query.notes += notes
            known[name] = float(numbers[0])
    return known


def _open_model(folder: Path, stream: EmbeddingStream, modality: str | None) -> "Model":
    """Open the model that made the embeddings; any other, or none, is refused."""
    if not (folder / "model.json").exists():
        raise ModelError(
            f"There is no model in {folder}, and a file can only be embedded by one: name it with "
            "--model."
        )
    from skybind.models.model import Model

    saved = Model.open(folder)
    if saved.identity.get("weights") != stream.model.get("weights"):
        raise ModelError(
            f"The embeddings in {stream.folder} were made by another model than that in {folder}: "
            "name theirs with --model."
        )
    if modality is not None and modality not in saved.modalities:
        raise DataError(
            f"The model in {folder} has no modality '{modality}': "
            f"{nearest(modality, list(saved.modalities))}"
        )
    return saved


def _computed(
    query: Query, saved: "Model", wanted: "Wanted", given: Mapping[str, float]
) -> dict[str, float]:
    """Features of a light curve by the definitions that the model was trained on.

    Its period is looked for and told, also where the model cannot use it.
    """
    if wanted.kind != "photometry" or query.observed is None:
        return {}
    from skybind.lightcurves.columns import compute_columns
    from skybind.lightcurves.periods import find_periods
    from skybind.modalities.cleaning import clean_photometry

    definitions = {name: saved.schema.attributes(name) for name in wanted.features}
    values = {name: np.array([value]) for name, value in given.items() if name in definitions}
    made = compute_columns(query.observed, definitions, values, observation=query.column)
    query.notes += made.notes
    known = {name: float(column[0]) for name, column in made.columns.items() if name not in given}
    number = int(np.isfinite(list(known.values())).sum())
    if number:
        query.notes.append(
            f"{number} features are computed from the light curve, by the definition that the "
            "model was trained on."
        )
    folds_by = saved.modalities[wanted.name].period_column
    if folds_by is not None and folds_by in given:
        query.period = given[folds_by]
    elif folds_by is not None:
        periods = made.periods or find_periods(clean_photometry(query.observed).ragged)
        query.period, query.searched = float(periods.period[0]), True
        found = np.isfinite(query.period)
        query.notes.append(
            f"The period found in the light curve is {periods.describe()}."
            if found
            else "No period is found in the light curve."
        )
        if found and not np.isfinite(known[folds_by]):
            query.notes.append(
                f"The model folds by '{folds_by}' of the catalogue: --value {folds_by}="
                f"{query.period:.6g} takes it for that."
            )
    return known


def _note_missing(
    query: Query, modality: str, features: Sequence[str], known: Mapping[str, float]
) -> None:
    """Say which features the model has to do without."""
    missing = [c for c in features if not np.isfinite(known.get(c, np.nan))]
    if missing:
        query.notes.append(
            f"{query.name} lacks {', '.join(missing)}, which the model's {modality} reads: the "
            f"mean of the training objects stands in (or give --value {missing[0]}=NUMBER)."
        )


def _embed(
    saved: "Model",
    name: str,
    query: Query,
    features: Sequence[str],
    known: Mapping[str, float],
) -> np.ndarray:
    """Give the unit vector of the query, by the model's own preprocessing."""
    from skybind.modalities.cleaning import SEVERAL
    from skybind.modalities.source import BatchSource
    from skybind.modalities.unused import unused_notes
    from skybind.models.inference import embed_source

    arrays: dict[str, pa.Array] = {
        c: pa.array([known[c] if np.isfinite(known.get(c, np.nan)) else None], pa.float64())
        for c in features
    }
    if query.observed is not None:
        arrays[query.column] = query.observed.to_arrow()
    table = pa.table(arrays)
    query.notes += unused_notes(saved.modalities[name].unused(table), query.name)
    prepared = saved.modalities[name].prepare(table)
    if not prepared.present[0]:
        reason = str(prepared.reason[0]) or "nothing in it can be used"
        reason = NO_VISIT if reason == SEVERAL else reason
        raise DataError(f"The {name} in {query.name} cannot be used: {reason}.")
    source = BatchSource({name: saved.modalities[name]}, {name: prepared})
    made = embed_source(
        saved.binder, source, np.array([query.name]), np.array([""]), modalities=[name]
    )
    return made.vectors[name][0]
