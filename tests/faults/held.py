"""What skybind writes beside a dataset, a run and its models: made once, and read by its doors.

grown/       a dataset with a split, computed columns, and objects that were appended
found/       its run, with discoveries, answers, an index, positions, visits and an update
several/     a dataset with several spectra of an object
backbone/    an encoder of one modality
study/       notes of a study's units, and what a search chose
hats/        the grown dataset as a HATS catalogue
unfinished/  an import that was killed half-way, and shards that nobody put together
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.config.backbone import load_backbone_config
from skybind.data.computed import write_computed
from skybind.data.cone import Cone
from skybind.data.dataset import Dataset
from skybind.data.lineage import lineage_of
from skybind.data.schema import Column
from skybind.data.splits import Split
from skybind.data.stored_splits import split_dataset
from skybind.data.write import DatasetWriter
from skybind.discovery.discover import DiscoverOptions, discover
from skybind.discovery.records import DiscoverRecord
from skybind.discovery.table import read_discovery
from skybind.discovery.update import update_run
from skybind.discovery.update_record import UpdateRecord
from skybind.discovery.written import FILES
from skybind.embeddings.store import Embeddings
from skybind.embeddings.stream import EmbeddingStream
from skybind.embeddings.visits import VisitVectors, read_visits, write_visits
from skybind.ingest.append import append_dataset
from skybind.ingest.build import build_dataset
from skybind.ingest.hats_dataset import Stored, open_exported
from skybind.ingest.hats_restored import restore
from skybind.labelling.judgements import Judgements
from skybind.labelling.train import read_rounds, train_with_answers
from skybind.models.backbones import read_backbone
from skybind.once import note_of, result_of
from skybind.parquet import read_parquet
from skybind.ragged import Ragged
from skybind.record import checked, plain, read_record
from skybind.runs.backbones import pretrain_backbone
from skybind.runs.run import Run
from skybind.runs.status import write_status
from skybind.scale.export import export_hats
from skybind.search.index import open_index
from skybind.search.indexing import index_survey
from skybind.search.positions import open_positions
from skybind.shards import Shard, ShardFolder
from skybind.simulate.write import write_stars
from skybind.study.chosen import Chosen, write_chosen
from skybind.study.merge import PRETRAINING, Study
from skybind.study.options import StudyOptions
from skybind.study.units import Unit, UnitNote
from skybind.visits import Visits
from tests.faults.made import (
    made,
    shared,
    values_of_columns,
    values_of_dataset,
    values_of_embeddings,
    values_of_model,
)
from tests.growing import piece
from tests.ingest.test_resumable import Source, contents

_LEFT = {"training.epochs": 3}
_UNIT = Unit("small/seed-42/embed", "embed", configuration="small", seed=42)
#: A backbone of seconds.
_ENCODER = [
    "training.epochs=1",
    "training.warmup_epochs=0",
    "training.loader_threads=0",
    "modality.encoder={name: spender, channels: [4, 4], kernels: [5, 5], pools: [3]}",
    "autoencoder.hidden=[8]",
]


@cache
def held() -> Path:
    """Give a folder with all of these; nothing may be changed in it."""
    return shared("held", _make)


def _make(folder: Path, place: Path) -> None:
    shutil.copytree(made() / "stars", folder / "grown")
    shutil.copytree(made() / "run", folder / "found")
    split_dataset(folder / "grown", "mine", label="label", subsets=["50"])
    _look(Run.open(folder / "found", data=folder / "grown"))
    _grow(folder)
    run = Run.open(folder / "found", data=folder / "grown")
    update_run(run)
    _write_visits(run)
    write_status(folder / "found", replace(run.status, data=str(place / "grown")))
    _write_several(folder / "several")
    config = load_backbone_config("spender-small", _ENCODER)
    pretrain_backbone(config, made() / "stars", folder / "backbone")
    _write_study(folder / "study")
    export_hats(folder / "grown", folder / "hats", rows=60)
    _leave(folder / "unfinished")


def _look(run: Run) -> None:
    """Look for what is strange, label, and index."""
    discover(run, DiscoverOptions(permutations=9, map_method="pca", top=0), page=False)
    labelled = run.rows("train")[run.labels[run.rows("train")] >= 0][:4]
    for row in labelled:
        name, label = run.dataset.object_ids[row], run.class_names[row]
        Judgements(run).judge(str(name), "class", str(label), "somebody", {})
    train_with_answers(run, modalities="metadata", frozen=True)
    index_survey(run.folder, ["photometry"], data=run.dataset.path)


def _grow(folder: Path) -> None:
    """Append some objects, and then compute a column of all."""
    write_stars(folder / "more", 8, seed=9)
    rows = np.arange(8)
    names = [f"new{row}" for row in rows]
    append_dataset(folder / "grown", piece(folder / "more", folder / "new", rows, names))
    for name in ("more", "new"):
        shutil.rmtree(folder / name)
    grown = Dataset.open(folder / "grown")
    table = pa.table({"object_id": grown.object_ids.tolist(), "q": np.arange(len(grown)) * 0.5})
    columns = {"q": Column("feature", "mag", "A number of each", "photometry")}
    path = folder / "grown/features/photometry.parquet"
    write_computed(path, "photometry", grown.fingerprint, columns, [table])


def _write_visits(run: Run) -> None:
    vectors = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    names = run.dataset.object_ids[[0, 0, 1, 2, 2, 2]]
    own = VisitVectors(names, np.array(list("abcdef"), object), np.arange(6.0), vectors)
    model = Embeddings.read(run.paths.embeddings).model
    write_visits(run.paths.embeddings, {"photometry": own}, model)


def _write_several(folder: Path) -> None:
    """Three objects, of which two have several spectra."""
    fields = {"wavelength": "Angstrom", "flux": "mJy"}
    columns = {
        "spectrum": Column("observation", modality="spectrum", fields=fields),
        "spectrum_visits": Column("visits", modality="spectrum", fields=fields),
    }
    flux = np.arange(30, dtype=np.float32)
    wave = np.tile(np.linspace(4000, 5000, 5, dtype=np.float32), 6)
    each = Ragged({"wavelength": wave, "flux": flux}, np.arange(7) * 5, np.ones(6, bool))
    names = np.array(list("abcdef"), object)
    visits = Visits(each, np.array([0, 3, 4, 6]), names, 57000.0 + np.arange(6))
    with DatasetWriter(folder, columns) as writer:
        writer.append(
            {
                "object_id": np.array(["x", "y", "z"]),
                "ra": np.array([1.0, 2, 3]),
                "dec": np.array([4.0, 5, 6]),
                "spectrum": visits.first(),
                "spectrum_visits": visits,
            }
        )


def _write_study(folder: Path) -> None:
    raw: dict[str, Any] = {
        "name": "notes",
        "simulate": {"survey": "stars", "objects": 50},
        "configurations": {"small": {"config": "stars-small"}},
        "seeds": [42],
        "tune": 2,
    }
    study = Study.begin(StudyOptions.model_validate(raw), folder)
    study.notes.write(_UNIT, UnitNote(True, "key", 3.5, host="here", pid=7, threads=2))
    chosen = Chosen(
        values=_LEFT, best=_LEFT, value=0.5, measure="loss", trials=[0.5, None], run="trials/a"
    )
    write_chosen(study.paths.chosen("small", PRETRAINING), chosen)


@cache
def _source() -> Path:
    """Where the import reads from: it stands elsewhere, for its place is part of the work."""
    return shared("source", lambda folder, place: (folder / "source").write_text("x"))


def _leave(folder: Path) -> None:
    folder.mkdir()
    killed = Source(_source(), {3: KeyboardInterrupt()})
    with suppress(KeyboardInterrupt):
        build_dataset(killed.plan(), folder / "out", False)
    shards = ShardFolder(folder / "sharded", "key", "work")
    for number in (1, 2):
        shards.do(Shard(number, 2), lambda into: {"objects": 5})


def values_of_grown(folder: Path) -> dict[str, Any]:
    """A dataset, its split, and what became of it."""
    split = Split.read(folder / "grown/splits/mine.parquet")
    lineage = lineage_of(Dataset.open(folder / "grown", computed=()))
    first = None if lineage is None else lineage.since(lineage.states[0].fingerprint)
    return {
        **values_of_dataset(folder / "grown"),
        "split": [split.object_id, split.part, split.subsets, split.recipe],
        "lineage": None if first is None else vars(first),
    }


def values_of_found(folder: Path) -> dict[str, Any]:
    """All that is beside a run."""
    run = Run.open(folder / "found", data=folder / "grown")
    at, labels = run.paths.discover, run.paths.labels
    values: dict[str, Any] = {
        "discover": read_record(at.record, DiscoverRecord, "again").plain(),
        "steps": {path.name: note_of(path) for path in sorted((at.folder / "steps").iterdir())},
        "rounds": plain(read_rounds(labels.history)),
        "judged": plain(Judgements(run).every()),
        "trained": read_parquet(labels.folder / "classes.parquet", again="again").to_pylist(),
    }
    for name, kind in FILES.items():
        values[name] = plain(read_record(at.folder / name, kind, "again"))
    for path in sorted(at.folder.rglob("*.parquet")):
        values |= _of_table(path.name, read_discovery(path))
    (model,) = labels.folder.glob("*/model")
    values |= values_of_model(model)
    values |= {f"labels {key}": value for key, value in (note_of(model.parent) or {}).items()}
    embeddings = Embeddings.read(run.paths.embeddings)
    values |= values_of_embeddings(embeddings)
    visits = read_visits(run.paths.embeddings, embeddings.model)
    values |= {f"visits {name}": vars(own) for name, own in visits.items()}
    stream = EmbeddingStream.open(run.paths.embeddings)
    near = open_index(stream, ["photometry"]).search(embeddings.vectors["photometry"][:9], 5)
    values |= {"near": near.row, "cosine": near.cosine}
    sorted_ = open_positions(stream, run.dataset)
    values["cone"] = None if sorted_ is None else sorted_.in_cone(Cone(180, 0, 180))
    (update,) = (folder / "found/updates").iterdir()
    values["update"] = plain(checked(result_of(update), UpdateRecord))
    for name in ("new", "before"):
        values |= _of_table(name, read_parquet(update / f"{name}.parquet", again="again"))
    return values


def _of_table(name: str, table: pa.Table) -> dict[str, Any]:
    """Rows, types, units and all else in the schema."""
    schema = table.schema.to_string(show_field_metadata=True, truncate_metadata=False)
    return {name: table.to_pylist(), f"{name} schema": schema}


def values_of_backbone(folder: Path) -> dict[str, Any]:
    """All that a backbone knows."""
    known, state = read_backbone(folder / "backbone")
    own = {key: value for key, value in vars(known).items() if key not in ("seen", "shape")}
    seen = {"/".join(key): hashes for key, hashes in known.seen.hashes.items()}
    note = note_of(folder / "backbone")
    return {**own, **seen, "note": note, **{key: value.numpy() for key, value in state.items()}}


def values_of_study(folder: Path) -> dict[str, Any]:
    """What a study noted; what it was asked to do people may change."""
    study = Study.open(folder / "study")
    return {"searches": plain(study.searches("small")), "unit": study.notes.read(_UNIT)}


def values_of_hats(folder: Path) -> dict[str, Any]:
    """A catalogue as it lies, and the dataset again that it was."""
    stored, opened = Stored.read(folder / "hats"), open_exported(folder / "hats")
    values = {} if opened is None else values_of_columns(opened)
    with TemporaryDirectory() as place:
        restore(folder / "hats", Path(place) / "back")
        back = values_of_dataset(Path(place) / "back")
    return {**values, **vars(stored), **{f"back {key}": value for key, value in back.items()}}


def values_of_unfinished(folder: Path) -> dict[str, Any]:
    """What an import becomes that is gone on with, and what shards say."""
    with TemporaryDirectory() as place:
        at = Path(place) / "unfinished"
        shutil.copytree(folder / "unfinished", at)
        build_dataset(Source(_source()).plan(), at / "out", False)
        done = [note for _, note in ShardFolder(at / "sharded", "key", "work").whole()]
        return {**contents(at / "out"), **values_of_dataset(at / "out"), "shards": done}


DOORS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "grown/": values_of_grown,
    "found/": values_of_found,
    "several/": lambda folder: values_of_dataset(folder / "several"),
    "backbone/": values_of_backbone,
    "study/": values_of_study,
    "hats/": values_of_hats,
    "unfinished/": values_of_unfinished,
}
