"""Making a backbone: an encoder trained on one modality of a dataset, without labels."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel
from rich.console import RenderableType
from rich.table import Table

from skybind.config import dump_config
from skybind.config.backbone import BackboneConfig, load_backbone_config
from skybind.config.begun import as_begun
from skybind.data.dataset import Dataset
from skybind.data.fingerprints import catalogued, stored_hashes
from skybind.data.lineage import was_in
from skybind.data.seen import TRAINED, VALIDATED, Seen
from skybind.data.splits import Split
from skybind.errors import ConfigError, DataError
from skybind.files import atomic_path, write_text
from skybind.models.backbones import save_backbone
from skybind.once import note_of, once
from skybind.record import read_record, write_sealed
from skybind.runs.choosing import choose_split, with_own_split
from skybind.runs.columns import (
    columns_to_compute,
    compute_first,
    note_columns,
    open_as_noted,
)
from skybind.runs.layout import BackbonePaths, refuse_other_files
from skybind.runs.workshop import TargetProbe, Workshop, encoder_options, probe_encoder

PARTS = ("train", "validation")


# Keys that decide no weight, so they may change in a folder that was begun.
_FREE: Any = {
    "name": True,
    "description": True,
    "probe": True,
    "training": {"max_minutes", "loader_threads", "accelerator", "compile"},
}


@dataclass
class BackboneResult:
    """A finished backbone.

    Attributes
    ----------
    folder : Path
        Of the saved backbone, to be named as `weights` in a run's configuration.
    n_parameters : int
        Of the encoder.
    objects : dict of str to int
        Objects used in each part of the split.
    training : dict
        The fields of `TrainingResult`.
    probes : list of TargetProbe
        One a target and set of weights (`trained`, `random`): R2 on the validation objects of
        neighbours and ridge regression fitted on the training objects.
    """

    folder: Path
    n_parameters: int
    objects: dict[str, int]
    training: dict[str, Any]
    probes: list[TargetProbe]


def pretrain_backbone(
    config: BackboneConfig,
    data: str | Path,
    out: str | Path,
    *,
    split: Split | None = None,
    resume: bool = True,
) -> BackboneResult:
    """Train an encoder on one modality of a dataset, and save it as a backbone.

    Objects of the split's test part are not used at all; a run that shall use the backbone
    needs the same split, which is written to `out/split.parquet`. Interrupted, the same call
    goes on after the last epoch.

    Parameters
    ----------
    config : BackboneConfig
    data : str or Path
        Folder of the dataset.
    out : str or Path
        Folder to be made: `backbone/`, `split.parquet`, `log.csv`, `result.json` and what is
        needed to resume.
    split : Split, optional
        Use it instead of the one that the configuration describes.
    resume : bool
        Go on from the last epoch; otherwise train anew.

    Raises
    ------
    ConfigError
        If the configuration does not fit the dataset, or `out` holds something else.
    DataError
        If the dataset cannot be used.
    """
    paths = BackbonePaths(Path(out))
    if paths.config.exists():
        config = as_begun(config, paths.config)
        noted = begun_on(paths).computed
        dataset = open_as_noted(Path(data), paths.features, noted)
    else:
        refuse_other_files(paths.folder, paths.features)
        dataset = Dataset.open(data)
        config = config if split is not None else with_own_split(config, dataset)
        needed = columns_to_compute({"modality": config.modality}, dataset)
        dataset = compute_first(dataset, needed, paths.features)
    workshop = Workshop(config, dataset, paths)
    chosen = _begin(workshop, data, split)
    note = note_of(paths.folder)
    if not resume:
        paths.note.unlink(missing_ok=True)
    elif note is not None and "finished" not in note:  # version 0.1 says it of the training only
        write_sealed(paths.note, {**note, "finished": note["training"]["finished"]})
    made = once(paths.folder, {}, partial(_pretrain, workshop, chosen, resume))
    return BackboneResult(
        paths.backbone,
        made["n_parameters"],
        made["objects"],
        made["training"],
        [TargetProbe.model_validate(probe) for probe in made["probes"]],
    )


def _pretrain(workshop: Workshop, split: Split, resume: bool) -> dict[str, Any]:
    """Train, save and probe; gives the result."""
    config = workshop.config
    source = workshop.source(split.rows("train"))
    usable = workshop.usable(source)
    rows = {part: split.rows(part)[usable[split.rows(part)]] for part in PARTS}
    encoder = workshop.encoder()
    training = workshop.train(encoder, source, rows, resume)
    save_backbone(
        workshop.paths.backbone,
        config.modality.encoder["name"],
        encoder_options(config.modality.encoder),
        encoder.cpu(),
        modality=workshop.modality,
        shape=workshop.modality.shape,
        trained_on=_seen(workshop, rows),
        identity={
            "config": config.name,
            "method": workshop.method,
            "seed": config.seed,
            "dataset": workshop.dataset.fingerprint,
            "split_hash": split.hash,
            "epoch": training.best_epoch,
        },
    )
    return {
        "n_parameters": sum(p.numel() for p in encoder.parameters()),
        "objects": {part: len(rows[part]) for part in PARTS},
        "training": asdict(training),
        "probes": [p.plain() for p in probe_encoder(workshop, encoder, source, rows)],
        "finished": training.finished,
    }


def render_backbone(result: BackboneResult) -> RenderableType:
    """Render what a backbone's features are good for, for a terminal."""
    title = (
        f"Backbone of {result.n_parameters:,} parameters, best epoch "
        f"{result.training['best_epoch']} of {len(result.training['history'])}"
    )
    if not result.probes:
        return f"{title}; the dataset has no targets to try its features on."
    table = Table(
        title=f"{title}\nR2 on the validation objects, from frozen features", title_justify="left"
    )
    table.add_column("target")
    table.add_column("weights")
    for name in ("neighbours", "ridge", "objects"):
        table.add_column(name, justify="right")
    for probe in result.probes:
        table.add_row(
            probe.target,
            probe.weights,
            f"{probe.neighbours:.3f} ± {probe.neighbours_error:.3f}",
            f"{probe.linear:.3f} ± {probe.linear_error:.3f}",
            str(probe.n_test),
        )
    return table


def _seen(workshop: Workshop, rows: Mapping[str, np.ndarray]) -> Seen:
    """What a backbone has seen: training objects, and those that choose its epoch."""
    dataset, column = workshop.dataset, workshop.modality.column
    known = catalogued(dataset, [workshop.modality.columns])
    if column in dataset.schema.observations:
        hashes = stored_hashes(dataset, workshop.paths.prepared, [column])[column]
        known = [(dataset.schema.kinds[column], hashes), *known]
    roles = {TRAINED: rows["train"], VALIDATED: rows["validation"]}
    observed = {r: [(kind, codes[some]) for kind, codes in known] for r, some in roles.items()}
    ids = dataset.object_ids
    others = np.delete(ids, np.concatenate(list(roles.values())))
    return Seen.of(ids[rows["train"]], ids[rows["validation"]], observed, among=others)


class BegunOn(BaseModel):
    """What `dataset.json` must hold."""

    fingerprint: str
    computed: dict[str, Any] = {}


def begun_on(paths: BackbonePaths) -> BegunOn:
    """Read which dataset a backbone is trained on."""
    again = f"bring that file back, or choose another folder than {paths.folder}"
    try:
        return read_record(paths.dataset, BegunOn, again)
    except FileNotFoundError as error:
        raise DataError(f"{paths.dataset} is gone: {again}.") from error


def _begin(workshop: Workshop, data: str | Path, split: Split | None) -> Split:
    """Start a folder, or check that the one that stands there is of the same making."""
    paths, config, dataset = workshop.paths, workshop.config, workshop.dataset
    folder = paths.folder
    if not paths.config.exists():
        chosen = choose_split(config, dataset, split)
        with atomic_path(folder) as temporary:
            temporary.mkdir(parents=True)
            begun = BackbonePaths(temporary)
            chosen.write(begun.split)
            write_sealed(
                begun.dataset,
                {
                    "data": str(Path(data).resolve()),
                    "fingerprint": dataset.fingerprint,
                    "computed": note_columns(dataset),
                },
            )
            write_text(begun.config, dump_config(config))
            if paths.features.exists():
                os.replace(paths.features, begun.features)
        return chosen
    old = load_backbone_config(paths.config).model_dump(exclude=_FREE)
    new = config.model_dump(exclude=_FREE)
    differ = [key for key in new if old[key] != new[key]]
    if differ:
        raise ConfigError(
            f"{folder} holds a backbone of another configuration (they differ in {differ[0]}): "
            "choose another folder, or delete that one."
        )
    state = begun_on(paths).fingerprint
    if not was_in(dataset, state):
        raise DataError(f"{folder} holds a backbone of another dataset: choose another folder.")
    stored = Split.read(paths.split)
    order = stored.align if state == dataset.fingerprint else stored.grown
    stored = order(dataset.object_ids)
    if split is not None and choose_split(config, dataset, split).hash != stored.hash:
        raise ConfigError(f"{folder} holds a backbone with another split: choose another folder.")
    write_text(paths.config, dump_config(config))
    return stored
