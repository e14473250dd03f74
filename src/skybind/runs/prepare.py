"""Preparing a run's observations: arrays on disk, fitted preprocessing, features of backbones."""

from typing import TYPE_CHECKING

import numpy as np

from skybind.config import Config
from skybind.data.quarantine import QUARANTINE_FILE, write_quarantine
from skybind.errors import ConfigError, DataError
from skybind.modalities.source import BatchSource
from skybind.modalities.store import prepare, prepared_folder
from skybind.models.backbones import check_backbones, refuse_backbone_leaks
from skybind.models.binder import Binder
from skybind.models.build import build_binder, build_modalities
from skybind.models.frozen_features import Views, backbone_hashes, with_features, without_features
from skybind.models.model import Model
from skybind.models.stored import load_statistics
from skybind.models.unused import tell_unused
from skybind.progress import preparing, say, step
from skybind.runs.grown import earlier_prepared, older_features
from skybind.runs.measured import refuse_backbone_twins

if TYPE_CHECKING:
    from skybind.runs.run import Run


def prepare_run(run: "Run") -> BatchSource:
    """Prepare all objects of a run; what was prepared before is opened.

    Arrays and features of frozen backbones are kept in `RUN/prepared`, what cannot be used is
    listed in `RUN/quarantine.parquet`.

    Raises
    ------
    DataError
        If the split has no training objects.
    ConfigError, ModelError, LeakError
        If a backbone is not that of before, does not fit, or has seen what is tested on.
    """
    modalities = build_modalities(run.config, run.dataset.schema)
    prepared = {}
    for name, modality in modalities.items():
        folder = prepared_folder(run.paths.prepared, modality, run.dataset.fingerprint)
        with preparing(name, len(run.dataset), folder) as report:
            earlier = earlier_prepared(run, modality)
            prepared[name] = prepare(run.dataset, modality, folder, report, earlier)
    source = BatchSource(modalities, prepared)
    rows = run.rows("train")
    if not len(rows):
        raise DataError(
            f"The split of the run in {run.folder} has no training objects of the dataset."
        )
    with step("fitting the preprocessing", told=False):
        source.fit(rows)
    begun = (run.folder / QUARANTINE_FILE).exists()
    _write_quarantine(run, source)
    names = [name for name in modalities if run.config.modalities[name].backbone is not None]
    if not names:
        _tell_unused(run, source, begun)
        return source
    if run.paths.model.exists():  # its backbones are those of this run, wherever their files are
        saved = Model.open(run.paths.model)
        return _with_features(run, BatchSource(saved.modalities, prepared), saved.binder)
    shapes = {name: modality.shape for name, modality in modalities.items()}
    binder = build_binder(run.config, shapes, names)
    check_backbones(binder, modalities)
    refuse_backbone_leaks(binder, run.dataset.object_ids, run.split)
    refuse_backbone_twins(run, binder)
    _refuse_other_backbones(run, binder)
    for name, encoder in binder.backboned.items():
        if encoder.statistics:  # it expects inputs as they were normalised for its training
            load_statistics(modalities[name], encoder.statistics, f"The backbone of {name}")
    _tell_unused(run, source, begun)
    return _with_features(run, source, binder)


def source_as_trained(run: "Run", saved: Model) -> BatchSource:
    """Prepared data as a saved model was trained on: its preprocessing and its backbones."""
    own = run.prepare().prepared
    fitted = {name: m for name, m in saved.modalities.items() if name in own}
    source = BatchSource(fitted, {name: without_features(own[name]) for name in fitted})
    return _with_features(run, source, saved.binder)


def _with_features(run: "Run", source: BatchSource, binder: Binder) -> BatchSource:
    """Add the features of frozen backbones, computed now if that was not done before."""
    views = {}
    for name in binder.backboned:
        rows, settings = run.rows("train"), run.config.modalities[name].backbone
        if settings is not None and not settings.cache:
            continue
        if (name, name) in run.config.pairs or _validates_on_views(run.config):
            rows = np.concatenate([rows, run.rows("validation")])
        views[name] = Views(0 if settings is None else settings.views, rows, run.config.seed)
    older = {name: older_features(run, source.modalities[name]) for name in views}
    root, state = run.paths.prepared, run.dataset.fingerprint
    return with_features(source, binder, root, state, views, older)


def _tell_unused(run: "Run", source: BatchSource, begun: bool) -> None:
    """Say once which numbers the run takes for missing."""
    for note in () if begun else tell_unused(source.modalities, run.dataset):
        say(f"modalities.{note}")


def _validates_on_views(config: Config) -> bool:
    """Whether any training draws views of validation objects, too."""
    options = [config.training.model_dump(), config.finetuning.training.model_dump()]
    options += config.finetuning.overrides.values()
    return any(entry.get("validation_views") == "augmented" for entry in options)


def _write_quarantine(run: "Run", source: BatchSource) -> None:
    ids = run.dataset.object_ids
    rows = [
        {"object_id": ids[i], "source": "dataset", "modality": name, "reason": p.reason[i]}
        for name, p in source.prepared.items()
        for i in np.flatnonzero(p.reason != "")
    ]
    write_quarantine(run.folder, rows)


def _refuse_other_backbones(run: "Run", binder: Binder) -> None:
    for name, digest in backbone_hashes(binder).items():
        if run.status.backbones.get(name, digest) != digest:
            raise ConfigError(
                f"The weights of modalities.{name}.backbone are not those that the run in "
                f"{run.folder} was started with: choose another folder, or bring them back."
            )
