"""A run's targets predicted for any objects, by the training objects nearest to them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.placed import placed
from skybind.data.schema import ID
from skybind.data.seen import Observed
from skybind.embeddings.store import Embeddings
from skybind.errors import ConfigError
from skybind.evaluation.by_neighbours import predict_targets
from skybind.evaluation.targets import targets_of
from skybind.files import array_hash, json_hash
from skybind.ingest.given_rows import Given
from skybind.models.leaks import WHAT, Twins, seen_twins, tell_likely
from skybind.models.model import Model
from skybind.models.taught import names_of
from skybind.parquet import read_parquet, write_parquet
from skybind.progress import step
from skybind.runs.embedding import run_embedding
from skybind.runs.measured import observed_in, observed_of, seen_by
from skybind.runs.run import Run
from skybind.runs.steps import run_model
from skybind.shards import Shard, ShardFolder, remedy
from skybind.tables import check_ending, write_table
from skybind.version import __version__
from skybind.words import nearest

#: The table of one shard, and what its note says of it.
_TABLE = "predicted.parquet"
_COUNTS = ("known", "taught", "twins", "twin", "likely", "alike")


@dataclass
class Predicted:
    """A predicted number of each object.

    Attributes
    ----------
    table : Table
        `object_id`, `split`, the target, its error `TARGET_err` and `reason`: why there is none.
    n, known, taught : int
        Objects, those with a number, and those named like training objects.
    notes : list of str
        What the reader must know, in sentences.
    out : Path
        Where the table was written, if it was.
    """

    table: pa.Table
    n: int
    known: int
    taught: int
    notes: list[str]
    out: Path = Path()


@dataclass(frozen=True)
class _Asked:
    """What is predicted, by whom, and from what."""

    run: Run
    embeddings: Embeddings
    target: str
    fit: list[str]
    predict: list[str]
    allow_twins: bool

    @classmethod
    def of(
        cls,
        run: Run,
        target: str,
        fit: Sequence[str] | None,
        predict: Sequence[str] | None,
        allow_twins: bool,
    ) -> "_Asked":
        embeddings = run_embedding(run)
        names = list(fit or embeddings.modalities)
        asked = list(predict or names)
        _check_modalities((*names, *asked), embeddings)
        return cls(run, embeddings, target, names, asked, allow_twins)


@dataclass(frozen=True)
class _Found:
    """The table, and how many there are of what; `twin` is the first of the twins.

    `likely` have a number and may be twins; `alike` is the first of them.
    """

    table: pa.Table
    known: int
    taught: int
    twins: int
    twin: str
    likely: int = 0
    alike: str = ""


def predict_table(
    run: Run,
    target: str,
    data: Any = None,
    *,
    fit: Sequence[str] | None = None,
    predict: Sequence[str] | None = None,
    allow_twins: bool = False,
    **observations: Any,
) -> Predicted:
    """Predict a target for the run's objects, or for whatever holds observations.

    An object that has the name of a training object gets none, in another dataset too, and neither
    does one with its data or at its place under another name (`allow_twins`): it would be told its
    own number. Of the run's own objects one that is near a training object and has other values may
    be another star, as may any that has its catalogue row at another place: such get a number and
    are told.

    Parameters
    ----------
    run : Run
        With a pre-trained model.
    target : str
        The column of the run's dataset.
    data : optional
        Anything that `skybind.ingest.given.take_given` takes; the run's objects by default.
    fit, predict : sequence of str, optional
        As of `predict_targets`; all modalities of both by default.
    allow_twins : bool
        Give a number to objects that are training objects under another name; they are told.
    **observations
        One object as arrays, as of `skybind.ingest.given.take_given`.
    """
    with step("predicting"):
        asked = _Asked.of(run, target, fit, predict, allow_twins)
        if data is None and not observations:
            return _together([_of_own(asked)], asked, [])
        model = run_model(run)
        given = model.take(data, **observations)
        return _together([_of_given(asked, model, given)], asked, given.notes)


def _together(found: Sequence[_Found], asked: _Asked, notes: Sequence[str]) -> Predicted:
    """Put together what was found of objects that follow each other."""
    table = pa.concat_tables([one.table for one in found]).combine_chunks()
    known, taught, twins, likely = (
        sum(getattr(one, what) for one in found) for what in ("known", "taught", "twins", "likely")
    )
    told = list(notes)
    if likely:
        first = next(one.alike for one in found if one.likely)
        some = f"{likely:,} of the {len(table):,} objects for a prediction (such as '{first}')"
        told.append(tell_likely(some, "the run's training"))
    if twins:
        first = next(one.twin for one in found if one.twins)
        told.append(_tell_twins(twins, first, asked.allow_twins))
    return Predicted(table, len(table), known, taught, told)


def _of_own(asked: _Asked) -> _Found:
    """Predict for the run's own objects."""
    own = asked.embeddings
    observed = observed_of(asked.run, np.arange(len(own)))
    twins = _taught_otherwise(asked.run, own.object_id, observed, None)
    found = _predict(asked, own, np.full(len(own), "", dtype=object), twins.sure)
    return _with_likely(found, asked, twins.likely | twins.moved)


def _of_given(asked: _Asked, model: Model, given: Given, whole: Given | None = None) -> _Found:
    """Predict for what was given, or for a shard of the `whole`."""
    if not len(given.dataset):  # there may be more shards than groups of objects
        nobody = asked.embeddings.take(np.zeros(0, np.int64))
        return _predict(asked, nobody, np.zeros(0, object), np.zeros(0, bool))
    others = model.embed_dataset(given.dataset, modalities=asked.predict)
    why = np.full(len(others), "", dtype=object)
    for name in asked.predict:
        why = np.where(given.reasons[name] == "", why, given.reasons[name])
    among = None if whole is None else names_of(whole.dataset)
    observed = observed_in(given.dataset, model)
    twins = _taught_otherwise(asked.run, others.object_id, observed, among)
    found = _predict(asked, others, why, twins.either)
    return _with_likely(found, asked, twins.moved)


def _with_likely(found: _Found, asked: _Asked, likely: np.ndarray) -> _Found:
    """Count those that may be training objects and were given a number."""
    given = np.flatnonzero(likely & found.table[asked.target].is_valid().to_numpy())
    first = str(found.table[ID][int(given[0])]) if len(given) else ""
    return replace(found, likely=len(given), alike=first)


def _predict(
    asked: _Asked, others: Embeddings, why: np.ndarray, taught_otherwise: np.ndarray
) -> _Found:
    """Predict for embedded objects; `why` says why an observation could not be read.

    `taught_otherwise` are those that are training objects under another name.
    """
    run, target = asked.run, asked.target
    value, error = predict_targets(run, asked.embeddings, others, target, asked.fit, asked.predict)
    twins = taught_otherwise & np.isfinite(value)
    if not asked.allow_twins:
        value[twins], error[twins] = np.nan, np.nan
        why[twins] = "training object under another name, with the same data or at the same place"
    known = np.isfinite(value)
    taught = np.isin(others.object_id, run.dataset.object_ids[run.rows("train")])
    taught &= ~known & others.any_present(asked.predict)
    absent = np.where(why == "", f"not observed in {' or '.join(asked.predict)}", why)
    reason = np.where(known, "", np.where(taught, "training object", absent))
    table = _as_table(others, target, run.dataset.schema.columns[target].unit, value, error, reason)
    twin = str(others.object_id[twins][0]) if twins.any() else ""
    return _Found(table, int(known.sum()), int(taught.sum()), int(twins.sum()), twin)


def _taught_otherwise(
    run: Run, object_id: np.ndarray, observed: Observed, among: Iterable[np.ndarray] | None
) -> Twins:
    """Which objects are training objects of a run under another name."""
    # neighbours are all training objects, whether the model could read them or not
    rows = {"train": run.rows("train"), "validation": np.zeros(0, np.int64)}
    return seen_twins(object_id, seen_by(run, rows), "validation", observed, among)


def _tell_twins(n: int, first: str, allowed: bool) -> str:
    """Say how many objects are training objects under another name."""
    end = "they are told their own numbers" if allowed else "they get none (--allow-twins)"
    return (
        f"{n:,} objects (such as '{first}') are training objects under another "
        f"name, or have the {WHAT} of one: {end}."
    )


def _check_modalities(names: Sequence[str], embeddings: Embeddings) -> None:
    for name in names:
        if name not in embeddings.modalities:
            raise ConfigError(
                f"There is no modality '{name}': {nearest(name, embeddings.modalities)}"
            )


_SPLIT = "Part of the run's split that it belongs to"


def _as_table(
    objects: Embeddings,
    target: str,
    unit: str | None,
    value: np.ndarray,
    error: np.ndarray,
    reason: np.ndarray,
) -> pa.Table:
    """Put predictions in a table whose columns are described."""
    said = {"unit": unit} if unit else {}
    by = f"{target}, predicted by the nearest training objects"
    fields = [
        pa.field("object_id", pa.string()),
        pa.field("split", pa.string(), metadata={"description": _SPLIT}),
        pa.field(target, pa.float64(), metadata={"description": by, **said}),
        pa.field(f"{target}_err", pa.float64(), metadata={"description": "Its error", **said}),
        pa.field("reason", pa.string(), metadata={"description": "Why there is none"}),
    ]
    arrays = [
        pa.array(objects.object_id.tolist(), pa.string()),
        pa.array(objects.split.tolist(), pa.string()),
        pa.array(value, from_pandas=True),
        pa.array(error, from_pandas=True),
        pa.array(reason.tolist(), pa.string()),
    ]
    return pa.table(arrays, schema=pa.schema(fields))


def predict_anything(
    run: Run,
    target: str,
    out: str | Path,
    *,
    data: Any = None,
    fit: Sequence[str] | None = None,
    predict: Sequence[str] | None = None,
    allow_twins: bool = False,
    shard: Shard | None = None,
) -> Predicted:
    """Write what `predict_table` gives to a file.

    Where shards of it were begun (`OUT.shards/`) they are put together; nothing is predicted.

    Parameters
    ----------
    run, target, data, fit, predict, allow_twins
        As of `predict_table`.
    out : str or Path
        Table (.parquet, .csv, .vot, .ecsv, .fits).
    shard : Shard, optional
        Only this part of a dataset, into `OUT.shards/`.

    Raises
    ------
    AlreadyDone
        If the table is there, put together of shards of the same.
    ConfigError, DataError
        As `predict_table`; if shards are missing, or of something else.
    """
    out = Path(out)
    check_ending(out)
    if shard is not None and data is None:
        raise ConfigError("--shard needs --data: a run's own objects are predicted as a whole.")
    if data is None:
        found = predict_table(run, target, fit=fit, predict=predict, allow_twins=allow_twins)
        write_table(placed(found.table, run.dataset), out)
        return replace(found, out=out)
    with step("predicting"):
        asked, model = _Asked.of(run, target, fit, predict, allow_twins), run_model(run)
        given = model.take(data)
        shards = ShardFolder(out, _key(asked, model, given), "predict")
        if shard is not None:
            note = shards.do(shard, partial(_predict_shard, asked, model, given, shard))
            folder = shards.path / shard.name
            found = _together([_read_shard(folder, note)], asked, given.notes)
            return replace(found, out=folder / _TABLE)
        with shards.together() as parts:
            pieces = [_read_shard(folder, note) for folder, note in parts]
            found = _together(pieces or [_of_given(asked, model, given)], asked, given.notes)
            write_table(placed(found.table, given.dataset), out)
            if parts:
                shards.sign()
    return replace(found, out=out)


def _key(asked: _Asked, model: Model, given: Given) -> str:
    """Name all that predictions are made from: what the neighbours are, and what they know."""
    run = asked.run
    (target,) = targets_of(run.dataset, [asked.target])
    return json_hash(
        [
            __version__,
            model.identity["weights"],
            [run.dataset.fingerprint, run.split.hash, array_hash(target.values)],
            [asked.target, asked.fit, asked.predict, asked.allow_twins],
            run.config.evaluation.neighbours,
            given.dataset.fingerprint,
            _COUNTS,
        ]
    )


def _predict_shard(
    asked: _Asked, model: Model, given: Given, shard: Shard, folder: Path
) -> dict[str, Any]:
    """Predict for one shard into its folder."""
    found = _of_given(asked, model, given.shard(shard), given)
    write_parquet(found.table, folder / _TABLE)
    return {name: getattr(found, name) for name in _COUNTS}


def _read_shard(folder: Path, note: Mapping[str, Any]) -> _Found:
    """Read what `_predict_shard` found."""
    table = read_parquet(folder / _TABLE, again=remedy(folder))
    return _Found(table, *(note[name] for name in _COUNTS))
