"""A run: one configuration on one dataset, in one folder that holds everything."""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from skybind.config import Config, dump_config, load_config
from skybind.config.load import with_values
from skybind.data.dataset import Dataset
from skybind.data.lineage import Growth, growth_since
from skybind.data.splits import Split
from skybind.files import atomic_path, write_text
from skybind.locks import waiting_for
from skybind.memory import configure
from skybind.modalities.base import Modality
from skybind.modalities.shape import InputShape
from skybind.modalities.source import BatchSource
from skybind.models.backbones import refuse_backbone_leaks
from skybind.models.frozen_features import backbone_hashes
from skybind.models.model import Model
from skybind.once import lock_of, result_of
from skybind.plugins import plugin_notes, refuse_changed, use_noted, use_plugins
from skybind.runs.alone import changes_run, only, starting
from skybind.runs.cases import check_cases
from skybind.runs.checks import check_networks, going_on, refuse_unsafe_names
from skybind.runs.choosing import (
    choose_classes,
    choose_split,
    refuse_empty_parts,
    split_seed,
    with_own_split,
)
from skybind.runs.columns import (
    columns_to_compute,
    compute_first,
    expected_schema,
    note_columns,
    open_as_noted,
)
from skybind.runs.fitting import fit_to_data, tell_classes
from skybind.runs.grown import classes_begun, open_grown
from skybind.runs.layout import RunPaths, TrainedPaths, refuse_other_files
from skybind.runs.measured import refuse_other_pretraining, refuse_other_split, run_hashes
from skybind.runs.prepare import prepare_run, source_as_trained
from skybind.runs.status import RunStatus, read_status, write_status


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
    allow_twins : bool
        As the key `evaluation.allow_twins`, for this opened run alone: it is noted nowhere.
    """

    def __init__(self, folder: Path, config: Config, dataset: Dataset, split: Split) -> None:
        self.folder = folder
        self.config = config
        self.dataset = dataset
        self.split = split
        self._prepared: BatchSource | None = None
        configure(config.memory)
        self.allow_twins = False

    @classmethod
    def start(
        cls,
        config: Config | str | Path,
        data: Dataset | str | Path,
        out: str | Path,
        *,
        split: Split | None = None,
    ) -> Self:
        """Start a run in folder `out`, or go on with the one that stands there.

        Parameters
        ----------
        config : Config, str or Path
            As read, the name of a shipped one, or a YAML file.
        data : Dataset, str or Path
            The dataset, or its folder.
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
        folder = Path(out)
        dataset = data if isinstance(data, Dataset) else Dataset.open(data)
        config = config if isinstance(config, Config) else load_config(config)
        use_plugins(config.plugins)
        paths = RunPaths(folder)
        if paths.note.exists():
            return cls._go_on(config, dataset.path, folder, split)
        refuse_unsafe_names(config)
        asked, config = config, fit_to_data(config, dataset)
        config = config if split is not None else with_own_split(config, dataset)
        # all that can be wrong with the configuration is found before anything is written
        entries = {f"modalities.{name}": entry for name, entry in config.modalities.items()}
        needed = columns_to_compute(entries, dataset)
        binder = check_networks(config, expected_schema(dataset, needed))
        refuse_other_files(folder, paths.features, " for the run")
        chosen = choose_split(config, dataset, split)
        refuse_empty_parts(chosen)
        run = cls(folder, config, dataset, chosen)
        refuse_backbone_leaks(binder, dataset.object_ids, chosen)
        check_cases(run)
        tell_classes(config, dataset)
        with starting(folder):
            if paths.note.exists():  # another program was first
                return cls._go_on(asked, dataset.path, folder, split)
            run.dataset = compute_first(dataset, needed, paths.features)
            run._write(backbone_hashes(binder))
        run.dataset = open_as_noted(dataset.path, paths.features, run.status.computed)
        run.split.object_id = run.dataset.object_ids  # the same names, held once
        return run

    def _write(self, backbones: dict[str, str]) -> None:
        """Write what the run is started on; the folder becomes a run all at once."""
        data = self.dataset
        started_on = RunStatus(
            str(data.path.resolve()),
            data.fingerprint,
            self.split.hash,
            backbones,
            note_columns(data),
            plugin_notes(self.config.plugins),
            self.classes,
        )
        with atomic_path(self.folder) as temporary:
            temporary.mkdir(parents=True)
            write_text(RunPaths(temporary).config, dump_config(self.config))
            self.split.write(RunPaths(temporary).split)
            write_status(temporary, started_on)
            if self.paths.features.exists():
                os.replace(self.paths.features, RunPaths(temporary).features)

    @classmethod
    def _go_on(cls, config: Config, data: Path, folder: Path, split: Split | None) -> Self:
        """Go on with the run that stands in a folder, if it is the same one."""
        run = cls.open(folder, data=data)
        if not run._has_noted(going_on(run, config, split)):
            run._note(config, split)
        configure(run.config.memory)
        run.draw_subsets(run.config.subsets)
        return run

    def _has_noted(self, config: Config) -> bool:
        """Whether a configuration stands in the folder: then nobody has to be waited for."""
        written = self.paths.config.read_text("utf-8") == dump_config(config)
        return written and list(self.status.plugins) == plugin_notes(config.plugins)

    @changes_run
    def _note(self, given: Config, split: Split | None) -> None:
        """Write the configuration that the run goes on with."""
        config = going_on(self, given, split)  # by what stands there now
        write_text(self.paths.config, dump_config(config))
        write_status(self.folder, replace(self.status, plugins=plugin_notes(config.plugins)))
        self.config = config

    @classmethod
    def open(cls, folder: str | Path, *, data: str | Path | None = None) -> Self:
        """Open a run's folder.

        Parameters
        ----------
        folder : str or Path
        data : str or Path, optional
            Where the dataset is now, if it was moved.

        Raises
        ------
        DataError
            If there is no run, its dataset is gone or has changed, or its split is another one.
        LeakError
            If its pre-trained model was made for another split or dataset.
        """
        folder = Path(folder)
        status, paths = read_status(folder), RunPaths(folder)
        refuse_changed(status.plugins, f"The run in {folder}")
        use_noted(status.plugins, f"The run in {folder}")
        path = Path(data if data is not None else status.data)
        dataset, growth = open_grown(folder, path, status)
        config = load_config(paths.config)
        split = Split.read(paths.split)
        refuse_other_split(folder, split, status.split_hash)
        order = split.grown if growth is not None else split.align
        run = cls(folder, config, dataset, order(dataset.object_ids))
        refuse_other_pretraining(run)
        return run

    @cached_property
    def observed(self) -> dict[str, np.ndarray]:
        """Fingerprints of the observations that it reads, by column, each of shape (n,)."""
        return run_hashes(self)

    @cached_property
    def classes(self) -> list[str]:
        """Names of the classes in use, sorted; empty if the dataset has no labels."""
        known = None if self.growth is None else classes_begun(self.paths, self.status)
        first = None if self.growth is None else self.growth.kept  # the others make no class
        return choose_classes(self.config, self.dataset, first) if known is None else known

    @cached_property
    def growth(self) -> Growth | None:
        """What came to the dataset since the run was started; None if nothing did."""
        begun = self.status.fingerprint if self.paths.note.exists() else self.dataset.fingerprint
        return growth_since(self.dataset, begun)

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

    def prepare(self) -> BatchSource:
        """Prepare the observations of all objects, unless that is done, and give them.

        This is long work on a new dataset: arrays of every modality are written to `prepared/`,
        the preprocessing is fitted on the training objects, what cannot be used is listed in
        `quarantine.parquet`, and the features of frozen backbones are computed. Done once, it is
        opened from disk, and within one `Run` it costs nothing to ask again.

        Raises
        ------
        DataError
            If the split has no training objects.
        ConfigError, ModelError, LeakError
            If a frozen backbone is not that of before, does not fit, or has seen what is tested on.
        """
        if self._prepared is None:
            self._prepared = prepare_run(self)
        return self._prepared

    @property
    def source(self) -> BatchSource:
        """What `prepare` gives: batches of all objects, with fitted preprocessing."""
        return self.prepare()

    @property
    def modalities(self) -> dict[str, Modality]:
        """The modalities, their preprocessing fitted on the training objects by `prepare`."""
        return self.source.modalities

    @property
    def shapes(self) -> dict[str, InputShape]:
        """What the encoders get."""
        return {name: modality.shape for name, modality in self.modalities.items()}

    def source_for(self, saved: Model) -> BatchSource:
        """Prepared data as a saved model was trained on: its preprocessing and its backbones."""
        return source_as_trained(self, saved)

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
        if not self.classes or set(names) <= set(self.split.subsets):
            return
        with only(lock_of(self.paths.split), waiting_for("draws subsets of this run")):
            split = Split.read(self.paths.split)  # another program may have drawn some
            order = split.grown if self.growth is not None else split.align
            split = order(self.dataset.object_ids)
            for name in names:
                split = split.with_subset(
                    name, self.class_names, split_seed(self.config), self.config.split.subset_rule
                )
            split.write(self.paths.split)
            self.split = split

    @property
    def paths(self) -> RunPaths:
        """Where everything stands in the run's folder."""
        return RunPaths(self.folder)

    @property
    def status(self) -> RunStatus:
        """What the run was started on."""
        return read_status(self.folder)

    @property
    def identity(self) -> dict[str, Any]:
        """What a model of this run is made for."""
        return {
            "config": self.config.name,
            "seed": self.config.seed,
            "dataset": self.dataset.fingerprint,
            "split_hash": self.status.split_hash,
        }

    @property
    def steps(self) -> list[str]:
        """What is done: `pretrain`, `finetune CASE`, `embed`, `evaluate`, `report`, `discover`."""
        paths = self.paths
        cases = [p.folder for p in paths.cases() if result_of(p.folder) is not None]
        files = {
            "embed": paths.embeddings,
            "evaluate": paths.metrics,
            "report": paths.report,
            "discover": paths.discover.record,
        }
        return [
            *(["pretrain"] if is_pretrained(paths.pretraining) else []),
            *(f"finetune {folder.name}" for folder in cases),
            *(step for step, path in files.items() if path.exists()),
        ]

    @changes_run
    def change_evaluation(self, **changes: Any) -> None:
        """Set keys of the section `evaluation`, in `config.yaml` too; they decide no model.

        Raises
        ------
        ConfigError
            If a key is unknown or a value cannot be.
        """
        keys = {f"evaluation.{key}": value for key, value in changes.items()}
        self.config = with_values(self.config, keys, "the evaluation")
        write_text(self.paths.config, dump_config(self.config))

    def __repr__(self) -> str:
        done = [step for step in self.steps if not step.startswith("finetune")]
        tuned = len(self.steps) - len(done)
        if tuned:
            place = 1 if "pretrain" in done else 0
            done.insert(place, f"{tuned} fine-tuning{'' if tuned == 1 else 's'}")
        return (
            f"<Run {self.config.name} in {self.folder}: {len(self.dataset):,} objects of "
            f"{self.dataset.path.name}, {' + '.join(self.config.modalities)}; "
            f"done: {', '.join(done) or 'nothing yet'}>"
        )

    def quarantine_counts(self) -> dict[str, dict[str, int]]:
        """Count the observations that could not be used, by modality and reason."""
        counts: dict[str, dict[str, int]] = {}
        for name, prepared in self.source.prepared.items():
            told = prepared.reason[np.flatnonzero(prepared.reason != "")]
            reasons, numbers = np.unique(told, return_counts=True)
            counts[name] = {str(r): int(n) for r, n in zip(reasons, numbers, strict=True)}
        return counts


def is_pretrained(paths: TrainedPaths) -> bool:
    """Whether a pre-training is done, by training or by taking published weights."""
    # version 0.1 left no note of published weights that were taken
    taken = paths.model.exists() and not paths.checkpoint.exists()
    return taken or result_of(paths.folder) is not None
