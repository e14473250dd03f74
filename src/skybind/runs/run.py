"""A run: one configuration on one dataset, in one folder that holds everything."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from skybind.config import Config, dump_config, load_config
from skybind.data.dataset import Dataset
from skybind.data.quarantine import write_quarantine
from skybind.data.splits import Split
from skybind.errors import ConfigError, DataError
from skybind.files import atomic_path, write_json, write_text
from skybind.modalities.base import Modality
from skybind.modalities.shape import InputShape
from skybind.modalities.source import BatchSource
from skybind.modalities.store import prepare, prepared_folder
from skybind.models.backbones import check_backbones, refuse_backbone_leaks
from skybind.models.binder import Binder
from skybind.models.build import build_binder, build_modalities
from skybind.models.frozen_features import Views, backbone_hashes, with_features, without_features
from skybind.models.model import Model
from skybind.progress import preparing
from skybind.runs.choosing import choose_classes, choose_split, split_seed


class Run:
    """One configuration on one dataset.

    Use `Run.start` (which also goes on with a run that was interrupted) or `Run.open`.

    Attributes
    ----------
    folder : Path
    config : Config
    dataset : Dataset
    split : Split
        In the order of the dataset.
    """

    def __init__(self, folder: Path, config: Config, dataset: Dataset, split: Split) -> None:
        self.folder = folder
        self.config = config
        self.dataset = dataset
        self.split = split

    @classmethod
    def start(
        cls,
        config: Config,
        data: str | Path,
        out: str | Path,
        *,
        split: Split | None = None,
    ) -> "Run":
        """Start a run in folder `out`, or go on with the one that stands there.

        Parameters
        ----------
        config : Config
        data : str or Path
            The dataset's folder.
        out : str or Path
            The run's folder.
        split : Split, optional
            Use it instead of the one that the configuration describes.

        Raises
        ------
        ConfigError
            If another run stands in `out`, or the configuration does not fit the dataset.
        DataError
            If the dataset cannot be used.
        """
        folder, dataset = Path(out), Dataset.open(data)
        # all that can be wrong with the configuration is found before anything is written
        modalities = build_modalities(config, dataset.schema)
        binder = build_binder(config, {name: m.shape for name, m in modalities.items()})
        _check_pairs(config, modalities)
        check_backbones(binder, modalities)
        status = folder / "status.json"
        if status.exists():
            run = cls.open(folder, data=data)
            run._refuse_other(config, split)
            write_text(folder / "config.yaml", dump_config(config))
            run.config = config
            run.draw_subsets(config.subsets)
            return run
        if folder.exists() and any(folder.iterdir()):
            raise ConfigError(
                f"{folder} holds other files: choose an empty or a new folder for the run."
            )
        chosen = choose_split(config, dataset, split)
        run = cls(folder, config, dataset, chosen)
        refuse_backbone_leaks(binder, dataset.object_ids, chosen)
        _check_cases(run)
        note = {
            "data": str(Path(data).resolve()),
            "fingerprint": dataset.fingerprint,
            "backbones": backbone_hashes(binder),
        }
        with atomic_path(folder) as temporary:
            temporary.mkdir(parents=True)
            write_text(temporary / "config.yaml", dump_config(config))
            chosen.write(temporary / "split.parquet")
            write_json(temporary / "status.json", {**note, "split_hash": chosen.hash, "steps": {}})
        return run

    @classmethod
    def open(cls, folder: str | Path, *, data: str | Path | None = None) -> "Run":
        """Open a run's folder.

        Parameters
        ----------
        folder : str or Path
        data : str or Path, optional
            Where the dataset is now, if it was moved.

        Raises
        ------
        DataError
            If there is no run, or its dataset is gone or has changed.
        """
        folder = Path(folder)
        status = folder / "status.json"
        if not status.exists():
            raise DataError(f"There is no run in {folder}: start one with 'skybind run'.")
        note = json.loads(status.read_text())
        dataset = Dataset.open(data if data is not None else note["data"])
        if dataset.fingerprint != note["fingerprint"]:
            raise DataError(
                f"The dataset at {dataset.path} is not the one that the run in {folder} was "
                f"started on (fingerprint {dataset.fingerprint}, then {note['fingerprint']})."
            )
        config = load_config(folder / "config.yaml")
        split = Split.read(folder / "split.parquet").align(dataset.object_ids)
        return cls(folder, config, dataset, split)

    @cached_property
    def classes(self) -> list[str]:
        """Names of the classes in use, sorted; empty if the dataset has no labels."""
        return choose_classes(self.config, self.dataset)

    @cached_property
    def class_names(self) -> np.ndarray:
        """Class of every object as text, "" where it has none in use, shape (n,)."""
        if not self.classes:
            return np.full(len(self.dataset), "")
        names = self.dataset.labels(self.config.labels.column)
        return np.where(np.isin(names, self.classes), names, "")

    @cached_property
    def labels(self) -> np.ndarray:
        """Index of every object's class, -1 where it has none in use, shape (n,)."""
        lookup = {name: index for index, name in enumerate(self.classes)}
        return np.asarray([lookup.get(name, -1) for name in self.class_names.tolist()], np.int64)

    @cached_property
    def modalities(self) -> dict[str, Modality]:
        """The modalities, their preprocessing fitted on the training objects."""
        return self.source.modalities

    @cached_property
    def source(self) -> BatchSource:
        """Prepared data of all objects, fitted; prepared now if that was not done before.

        Of modalities with a frozen backbone its features are there too.
        """
        modalities = build_modalities(self.config, self.dataset.schema)
        prepared = {}
        for name, modality in modalities.items():
            folder = prepared_folder(self.folder / "prepared", modality, self.dataset.fingerprint)
            with preparing(name, len(self.dataset), folder) as report:
                prepared[name] = prepare(self.dataset, modality, folder, report)
        source = BatchSource(modalities, prepared)
        rows = self.rows("train")
        if not len(rows):
            raise DataError(
                f"The split of the run in {self.folder} has no training objects of the dataset."
            )
        source.fit(rows)
        self._write_quarantine(source)
        names = [name for name in modalities if self.config.modalities[name].backbone is not None]
        if not names:
            return source
        model = self.folder / "pretrain" / "model"
        if model.exists():  # its backbones are those of this run, wherever their files are now
            saved = Model.open(model)
            source = BatchSource(saved.modalities, prepared)
            return self._with_features(source, saved.binder)
        shapes = {name: modality.shape for name, modality in modalities.items()}
        binder = build_binder(self.config, shapes, names)
        check_backbones(binder, modalities)
        refuse_backbone_leaks(binder, self.dataset.object_ids, self.split)
        self._refuse_other_backbones(binder)
        for name, encoder in binder.backboned.items():
            if encoder.statistics:  # it expects inputs as they were normalised for its training
                modalities[name].load_state(encoder.statistics)
        return self._with_features(source, binder)

    def source_for(self, saved: Model) -> BatchSource:
        """Prepared data as a saved model was trained on: its preprocessing and its backbones."""
        own = self.source.prepared
        fitted = {name: m for name, m in saved.modalities.items() if name in own}
        source = BatchSource(fitted, {name: without_features(own[name]) for name in fitted})
        return self._with_features(source, saved.binder)

    def _with_features(self, source: BatchSource, binder: Binder) -> BatchSource:
        """Add the features of frozen backbones, computed now if that was not done before."""
        views = {}
        for name in binder.backboned:
            rows, settings = self.rows("train"), self.config.modalities[name].backbone
            if (name, name) in self.config.pairs:  # validation looks at a second view too
                rows = np.concatenate([rows, self.rows("validation")])
            views[name] = Views(0 if settings is None else settings.views, rows, self.config.seed)
        root = self.folder / "prepared"
        return with_features(source, binder, root, self.dataset.fingerprint, views)

    @property
    def shapes(self) -> dict[str, InputShape]:
        """What the encoders get."""
        return {name: modality.shape for name, modality in self.modalities.items()}

    def rows(self, part: str, subset: str | None = None) -> np.ndarray:
        """Indices of the objects of a part of the split (and of a subset of its labels)."""
        return self.split.rows(part, subset)

    def draw_subsets(self, names: Sequence[str]) -> None:
        """Draw the subsets of the labels that the split lacks, by its seed, and store them.

        They are those that it would have, had they been asked for when the run was begun.

        Raises
        ------
        DataError
            If a name is not that of a subset.
        """
        split = self.split
        for name in names if self.classes else ():
            split = split.with_subset(name, self.class_names, split_seed(self.config))
        if split is not self.split:
            split.write(self.folder / "split.parquet")
            self.split = split

    @property
    def identity(self) -> dict[str, Any]:
        """What a model of this run is made for."""
        note = self.status()
        return {
            "config": self.config.name,
            "seed": self.config.seed,
            "dataset": note["fingerprint"],
            "split_hash": note["split_hash"],
        }

    def status(self) -> dict[str, Any]:
        """Which steps are done, with their seconds."""
        note: dict[str, Any] = json.loads((self.folder / "status.json").read_text())
        return note

    def done(self, step: str, **note: Any) -> None:
        """Remember that a step is done."""
        status = self.status()
        status["steps"][step] = note
        write_json(self.folder / "status.json", status)

    def quarantine_counts(self) -> dict[str, dict[str, int]]:
        """Count the observations that could not be used, by modality and reason."""
        counts: dict[str, dict[str, int]] = {}
        for name, prepared in self.source.prepared.items():
            reasons, numbers = np.unique(prepared.reason, return_counts=True)
            counts[name] = {str(r): int(n) for r, n in zip(reasons, numbers, strict=True) if r}
        return counts

    def _write_quarantine(self, source: BatchSource) -> None:
        ids = self.dataset.object_ids
        rows = [
            {"object_id": ids[i], "source": "dataset", "modality": name, "reason": p.reason[i]}
            for name, p in source.prepared.items()
            for i in np.flatnonzero(p.reason != "")
        ]
        write_quarantine(self.folder, rows)

    def _refuse_other_backbones(self, binder: Binder) -> None:
        known = self.status().get("backbones", {})
        for name, digest in backbone_hashes(binder).items():
            if known.get(name, digest) != digest:
                raise ConfigError(
                    f"The weights of modalities.{name}.backbone are not those that the run in "
                    f"{self.folder} was started with: choose another folder, or bring them back."
                )

    def _refuse_other(self, config: Config, split: Split | None) -> None:
        old, new = (
            _leaves(self.config.model_dump(mode="json")),
            _leaves(config.model_dump(mode="json")),
        )
        keys = sorted(old.keys() | new.keys())
        differ = [key for key in keys if old.get(key) != new.get(key) and not _may_differ(key)]
        if differ:
            raise ConfigError(
                f"{self.folder} holds a run of another configuration (they differ in {differ[0]}): "
                "choose another folder, or delete that one."
            )
        given = None if split is None else choose_split(config, self.dataset, split)
        if given is not None and not given.agrees(self.split):
            raise ConfigError(
                f"{self.folder} holds a run with another split: choose another folder."
            )


def _check_cases(run: Run) -> None:
    """Find what is wrong with the options of any fine-tuning before anything long begins."""
    from skybind.runs.cases import cases_of, options_of

    for case in cases_of(run):
        options_of(run, case)


def _check_pairs(config: Config, modalities: Mapping[str, Modality]) -> None:
    """Refuse to bind a modality with itself whose two views would be the same."""
    for a, b in config.pairs:
        if a == b and not modalities[a].augments:
            raise ConfigError(
                f"model.pairs binds '{a}' with itself, but its preprocessing draws nothing at "
                f"random: set modalities.{a}.preprocessing.noise (or drop), so that the two views "
                "differ."
            )
        backbone = config.modalities[a].backbone
        if a == b and backbone is not None and backbone.views < 2:
            raise ConfigError(
                f"model.pairs binds '{a}' with itself, but modalities.{a}.backbone.views is "
                f"{backbone.views}, so that its two cached views are the same: set at least 2."
            )


#: Keys that may change in a run that was begun: they decide no model, only which are made.
_FREE = (
    "name",
    "description",
    "finetuning.modalities",
    "finetuning.subsets",
    "finetuning.starts",
)


def _may_differ(key: str) -> bool:
    """Whether a key may change in a run that was begun."""
    return key in _FREE or key.startswith(("evaluation.", "tune."))


def _leaves(tree: Any, prefix: str = "") -> dict[str, str]:
    """Flatten nested mappings to dotted keys."""
    if isinstance(tree, dict) and tree:
        leaves: dict[str, str] = {}
        for key, value in tree.items():
            leaves |= _leaves(value, f"{prefix}.{key}" if prefix else str(key))
        return leaves
    return {prefix: yaml.safe_dump(tree)}
