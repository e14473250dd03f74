"""A model over a catalogue of LSDB: embeddings and classes, partition by partition, lazily."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.schema import ID
from skybind.embeddings.store import Embeddings
from skybind.errors import ConfigError
from skybind.models.classes import class_notes, class_schema, missing_reasons
from skybind.models.inference import embed_source, iter_sources
from skybind.models.model import Model
from skybind.progress import say
from skybind.runs.classify import calibrate_first, find_classifier
from skybind.runs.layout import RunPaths
from skybind.runs.steps import model_folder
from skybind.scale.adapter import (
    Frame,
    Lsdb,
    Opened,
    frame_of,
    map_partitions,
    open_catalog,
    with_columns,
    with_properties,
)
from skybind.scale.rows import Columns
from skybind.scale.shipped import Shipped, open_shipped
from skybind.texts import to_texts
from skybind.version import __version__
from skybind.words import nearest

REASON = "reason"


@dataclass(frozen=True)
class Work:
    """What a task has to know.

    Attributes
    ----------
    columns : Columns
    model : Shipped
    names : tuple of str
        Modalities to use.
    """

    columns: Columns
    model: Shipped
    names: tuple[str, ...]


def embed(
    catalog: Any,
    model: str | Path,
    *,
    modalities: Sequence[str] | None = None,
    units: Mapping[str, Any] | None = None,
    keep: Sequence[str] = (),
) -> Lsdb:
    """Embed the objects of a catalogue; nothing is computed before the result is asked for.

    Parameters
    ----------
    catalog : lsdb.Catalog, str or Path
        Objects with nested light curves, spectra and images, or the folder of a HATS catalogue.
    model : str or Path
        Folder of a run, or of a saved model. It travels once to each Dask worker.
    modalities : sequence of str, optional
        Only these.
    units : mapping, optional
        Of columns that state none, or another one: `{"photometry": {"flux": "uJy"}}`.
    keep : sequence of str
        More columns of the catalogue that the result shall have.

    Returns
    -------
    lsdb.Catalog
        Positions, `object_id`, one vector a modality (null where it is absent) and `reason`: why
        one is. Margins are embedded too. `skybind.scale.write` writes it.

    Raises
    ------
    ConfigError
        If LSDB is not installed, or there is no such modality or column.
    DataError
        If nothing in the catalogue can be used, or a unit does not fit.
    """
    folder = model_folder(model)
    opened = Model.open(folder)
    names = opened.choose(modalities)
    made = embedding_schema(names, opened.binder.dimension)
    return _planned(catalog, opened, folder, names, units, keep, embed_partition, made, "embed")


def classify(
    catalog: Any,
    model: str | Path,
    *,
    modalities: Sequence[str] | None = None,
    case: str | None = None,
    units: Mapping[str, Any] | None = None,
    keep: Sequence[str] = (),
) -> Lsdb:
    """Classify the objects of a catalogue; nothing is computed before the result is asked for.

    Parameters
    ----------
    catalog, modalities, units, keep
        As of `embed`.
    model : str or Path
        Folder of a run, or of a saved classifier.
    case : str, optional
        Which of the run's classifiers; by default as `skybind classify` chooses.

    Returns
    -------
    lsdb.Catalog
        Positions, and the columns of `Model.classify`: `object_id`, `class`, `probability`,
        `p_CLASS` for each class, `novelty`, `modalities` and `reason`.

    Raises
    ------
    ConfigError, DataError
        As of `embed`.
    ModelError
        If there is no classifier.
    """
    place = Path(model)
    folder, name = find_classifier(place, case, modalities)
    if RunPaths(place).note.exists():
        calibrate_first(place, name)
    opened = Model.open(folder)
    opened.require_classifier()
    made = class_schema(opened.classes, opened.reliability is not None)
    for note in class_notes(opened.classes, opened.reliability, 0, 0):
        say(note)
    names = opened.choose(modalities)
    return _planned(
        catalog, opened, folder, names, units, keep, classify_partition, made, "classify"
    )


def _planned(
    catalog: Any,
    model: Model,
    folder: Path,
    names: Sequence[str],
    units: Mapping[str, Any] | None,
    keep: Sequence[str],
    function: Any,
    made: pa.Schema,
    what: str,
) -> Lsdb:
    """Give the catalogue of what becomes of each partition; what cannot be is refused now."""
    opened = open_catalog(catalog)
    from skybind.scale.shipping import ship  # Dask came with LSDB

    kept = kept_columns(opened, keep, made)
    columns = Columns.of(opened, units, kept)
    columns.probe(model.take)
    work = Work(columns, ship(folder), tuple(names))
    found = map_partitions(opened, function, made, kept, work)
    return with_properties(found, provenance(model, what))


def kept_columns(opened: Opened, keep: Sequence[str], made: pa.Schema) -> tuple[str, ...]:
    """Name the columns that stay: the positions, and what is asked for.

    Raises
    ------
    ConfigError
        If there is no such column, or the result has one of its own by that name.
    """
    for name in keep:
        if name not in opened.schema.names:
            raise ConfigError(
                f"The {opened.name} has no column '{name}': {nearest(name, opened.schema.names)}"
            )
    wanted = dict.fromkeys([opened.ra, opened.dec, *keep])
    twice = [name for name in wanted if name in made.names and name != ID]
    if twice:
        raise ConfigError(f"The result has a column '{twice[0]}' of its own: rename the other.")
    return tuple(name for name in wanted if name != ID)


def provenance(model: Model, what: str) -> dict[str, str]:
    """Say where a result comes from, for the properties of its catalogue."""
    return {
        "skybind_version": __version__,
        "skybind_did": what,
        "skybind_configuration": model.config.name,
        "skybind_weights": str(model.identity["weights"]),
    }


def embedding_schema(names: Sequence[str], dimension: int) -> pa.Schema:
    """Describe the columns of embeddings."""
    vector = pa.list_(pa.float32(), dimension)
    fields = [(name, vector) for name in names]
    return pa.schema([(ID, pa.string()), *fields, (REASON, pa.string())])


def embed_partition(frame: Frame, work: Work) -> Frame:
    """Embed the objects of one partition."""
    model = open_shipped(work.model)
    made = embedding_schema(work.names, model.binder.dimension)
    return _made(frame, work, made, _embedded(model, frame, work) if len(frame) else ())


def _embedded(model: Model, frame: Frame, work: Work) -> Iterator[pa.Table]:
    given = work.columns.take(frame, model.take)
    some = {name: model.modalities[name] for name in work.names}
    done = 0
    for table, source in iter_sources(some, given.dataset):
        ids = to_texts(table[ID])
        rows = slice(done, done + len(ids))
        known = {name: given.reasons[name][rows] for name in some}
        found = embed_source(
            model.binder, source, ids, np.full(len(ids), ""), modalities=list(some)
        )
        why = {
            name: np.where(known[name] == "", source.prepared[name].reason, known[name])
            for name in some
        }
        yield _vectors(found, missing_reasons(found.present, why))
        done += len(ids)


def _vectors(found: Embeddings, reasons: list[str | None]) -> pa.Table:
    columns: dict[str, pa.Array] = {ID: pa.array(found.object_id.tolist(), pa.string())}
    for name, vectors in found.vectors.items():
        flat = pa.array(np.ascontiguousarray(vectors).ravel(), pa.float32())
        absent = pa.array(~found.present[name])
        columns[name] = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1], mask=absent)
    return pa.table({**columns, REASON: pa.array(reasons, pa.string())})


def classify_partition(frame: Frame, work: Work) -> Frame:
    """Classify the objects of one partition."""
    model = open_shipped(work.model)
    made = class_schema(model.classes, model.reliability is not None)
    if not len(frame):
        return _made(frame, work, made, ())
    given = work.columns.take(frame, model.take)
    return _made(frame, work, made, model.iter_classes(given, list(work.names)))


def _made(frame: Frame, work: Work, made: pa.Schema, tables: Any) -> Frame:
    """Put what was made of a partition beside what stays of it."""
    found = pa.concat_tables([made.empty_table(), *(t.cast(made) for t in tables)])
    return with_columns(frame_of(found, frame), frame, work.columns.keep)
