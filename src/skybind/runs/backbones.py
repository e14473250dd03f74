"""Making a backbone: an encoder trained on one modality of a dataset, without labels."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import RenderableType
from rich.table import Table
from torch import Tensor, nn

from skybind.config import dump_config
from skybind.config.backbone import BackboneConfig, load_backbone_config
from skybind.config.load import validate
from skybind.data.dataset import Dataset
from skybind.data.quarantine import write_quarantine
from skybind.data.splits import Split
from skybind.encoders.registry import Encoder, build_encoder
from skybind.errors import ConfigError, DataError
from skybind.files import atomic_path, write_json, write_text
from skybind.measures.probes import probe_features
from skybind.modalities.base import Modality, Prepared
from skybind.modalities.batch import Batch
from skybind.modalities.kinds import modality_class
from skybind.modalities.source import BatchSource
from skybind.modalities.spectrum import Spectrum
from skybind.modalities.store import prepare, prepared_folder
from skybind.models.backbones import save_backbone
from skybind.models.inference import infer
from skybind.progress import preparing
from skybind.runs.run import choose_split
from skybind.training.autoencoder import train_autoencoder
from skybind.training.loop import TrainingResult
from skybind.training.moco import train_moco
from skybind.words import nearest

PARTS = ("train", "validation")


_RESTORED = "restored"


_PROBE_BATCH = 256


_CALIBRATION_BATCHES = 8


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
    probes : list of dict
        One a target and set of weights (`trained`, `random`): R2 on the validation objects of
        neighbours and ridge regression fitted on the training objects.
    """

    folder: Path
    n_parameters: int
    objects: dict[str, int]
    training: dict[str, Any]
    probes: list[dict[str, Any]]


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
    folder, dataset = Path(out), Dataset.open(data)
    workshop = _Workshop(config, dataset, folder)
    chosen = _begin(workshop, data, split)
    done = folder / "result.json"
    if not resume:
        done.unlink(missing_ok=True)
    if done.exists():
        note = json.loads(done.read_text())
        if note["training"]["finished"]:
            return BackboneResult(folder / "backbone", **note)
    source = workshop.source(chosen.rows("train"))
    rows = {part: chosen.rows(part)[workshop.usable(source)[chosen.rows(part)]] for part in PARTS}
    encoder = workshop.encoder()
    training = workshop.train(encoder, source, rows, resume)
    save_backbone(
        folder / "backbone",
        config.modality.encoder["name"],
        _options(config.modality.encoder),
        encoder.cpu(),
        modality=workshop.modality,
        shape=workshop.modality.shape,
        trained_on=dataset.object_ids[rows["train"]],
        identity={
            "config": config.name,
            "method": workshop.method,
            "seed": config.seed,
            "dataset": dataset.fingerprint,
            "split_hash": chosen.hash,
            "epoch": training.best_epoch,
        },
    )
    result = BackboneResult(
        folder / "backbone",
        sum(p.numel() for p in encoder.parameters()),
        {part: len(rows[part]) for part in PARTS},
        asdict(training),
        _probe(workshop, encoder, source, rows),
    )
    write_json(done, {k: v for k, v in asdict(result).items() if k != "folder"})
    return result


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
            probe["target"],
            probe["weights"],
            f"{probe['neighbours']:.3f} ± {probe['neighbours_error']:.3f}",
            f"{probe['linear']:.3f} ± {probe['linear_error']:.3f}",
            str(probe["n_test"]),
        )
    return table


class _Workshop:
    """A configuration on a dataset: builds the modality and the encoder, and trains it."""

    def __init__(self, config: BackboneConfig, dataset: Dataset, folder: Path) -> None:
        self.config, self.dataset, self.folder = config, dataset, folder
        self.name = config.kind
        self.modality = self._modality()
        self.encoder()  # finds what is wrong with its options before anything is written
        if config.moco is not None and not self.modality.augments:
            raise ConfigError(
                "moco compares two views of each object, but modality.preprocessing draws "
                "nothing at random: set its augmentations."
            )
        # what is restored has the same pixels as what is seen, so it is prepared once for both
        self.restored: Spectrum | None = None
        if config.autoencoder is not None:
            restored = self._modality(channels=["flux", "ivar"])
            assert isinstance(restored, Spectrum)
            self.restored = restored
        self.redshift = self._redshift()

    @property
    def method(self) -> str:
        return "moco" if self.config.moco is not None else "autoencoder"

    def encoder(self) -> Encoder:
        """Build the encoder with weights drawn from the configuration's seed."""
        entry = self.config.modality.encoder
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            try:
                return build_encoder(entry["name"], self.modality.shape, **_options(entry))
            except (TypeError, ConfigError) as error:
                raise ConfigError(f"modality.encoder: {error}") from error

    def source(self, training: np.ndarray) -> BatchSource:
        """Prepare the modality, fit it on the training objects, and say what cannot be used."""
        whole = self.restored or self.modality
        place = prepared_folder(self.folder / "prepared", whole, self.dataset.fingerprint)
        with preparing(self.name, len(self.dataset), place) as report:
            prepared = prepare(self.dataset, whole, place, report)
        modalities = {self.name: self.modality}
        if self.restored is not None:
            modalities[_RESTORED] = self.restored
        source = BatchSource(modalities, dict.fromkeys(modalities, prepared))
        source.fit(training)
        self._quarantine(prepared)
        return source

    def usable(self, source: BatchSource) -> np.ndarray:
        """Which objects have what is trained on, shape (n,) bool."""
        present = source.present(self.name)
        if self.redshift is None:
            return present
        assert self.config.autoencoder is not None
        low, high = self.config.autoencoder.redshift_range
        return present & (self.redshift >= low) & (self.redshift <= high)

    def train(
        self,
        encoder: Encoder,
        source: BatchSource,
        rows: Mapping[str, np.ndarray],
        resume: bool,
    ) -> TrainingResult:
        """Train the encoder in place."""
        config = self.config
        how: dict[str, Any] = {"seed": config.seed, "resume": resume}
        if config.moco is not None:
            return train_moco(
                encoder, config.moco, source, self.name, rows, config.training, self.folder, **how
            )
        assert config.autoencoder is not None
        assert self.restored is not None
        return train_autoencoder(
            encoder,
            config.autoencoder,
            source,
            self.name,
            _RESTORED,
            self.restored.grid,
            rows,
            config.training,
            self.folder,
            redshift=self.redshift,
            **how,
        )

    def _modality(self, **changes: Any) -> Modality:
        entry = self.config.modality
        cls = modality_class(self.name)
        if self.config.autoencoder is not None and not issubclass(cls, Spectrum):
            raise ConfigError(f"autoencoder is for spectra, not for '{self.name}': use moco.")
        chosen = {**entry.preprocessing, **changes}
        options = validate(cls.Options, chosen, "modality.preprocessing")
        return cls(self.name, options, self.dataset.schema, entry.column)

    def _redshift(self) -> np.ndarray | None:
        """Redshifts that the decoder needs, or None if it needs none."""
        options = self.config.autoencoder
        if options is None or options.frame == "observed":
            return None
        columns = self.dataset.schema.columns
        if options.redshift not in columns:
            known = [name for name, column in columns.items() if column.role == "target"]
            raise ConfigError(
                f"autoencoder.redshift: the dataset has no column '{options.redshift}': "
                f"{nearest(options.redshift, known or list(columns))}"
            )
        return self.dataset.numbers(options.redshift)

    def _quarantine(self, prepared: Prepared) -> None:
        ids = self.dataset.object_ids
        bad = np.flatnonzero(prepared.reason != "")
        write_quarantine(
            self.folder,
            [
                {
                    "object_id": ids[i],
                    "source": "dataset",
                    "modality": self.name,
                    "reason": prepared.reason[i],
                }
                for i in bad
            ],
        )


def _begin(workshop: _Workshop, data: str | Path, split: Split | None) -> Split:
    """Start a folder, or check that the one that stands there is of the same making."""
    folder, config, dataset = workshop.folder, workshop.config, workshop.dataset
    chosen = choose_split(config, dataset, split)
    if not (folder / "config.yaml").exists():
        if folder.exists() and any(folder.iterdir()):
            raise ConfigError(f"{folder} holds other files: choose an empty or a new folder.")
        with atomic_path(folder) as temporary:
            temporary.mkdir(parents=True)
            chosen.write(temporary / "split.parquet")
            write_json(
                temporary / "dataset.json",
                {"data": str(Path(data).resolve()), "fingerprint": dataset.fingerprint},
            )
            write_text(temporary / "config.yaml", dump_config(config))
        return chosen
    old = load_backbone_config(folder / "config.yaml").model_dump(exclude=_FREE)
    new = config.model_dump(exclude=_FREE)
    differ = [key for key in new if old[key] != new[key]]
    if differ:
        raise ConfigError(
            f"{folder} holds a backbone of another configuration (they differ in {differ[0]}): "
            "choose another folder, or delete that one."
        )
    if json.loads((folder / "dataset.json").read_text())["fingerprint"] != dataset.fingerprint:
        raise DataError(f"{folder} holds a backbone of another dataset: choose another folder.")
    if Split.read(folder / "split.parquet").hash != chosen.hash:
        raise ConfigError(f"{folder} holds a backbone with another split: choose another folder.")
    write_text(folder / "config.yaml", dump_config(config))
    return chosen


def _options(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "name"}


def _probe(
    workshop: _Workshop,
    encoder: Encoder,
    source: BatchSource,
    rows: Mapping[str, np.ndarray],
) -> list[dict[str, Any]]:
    """Try the features on the dataset's targets, beside those of the untrained encoder."""
    config, dataset = workshop.config, workshop.dataset
    names = config.probe.targets
    if names is None:
        names = [name for name, c in dataset.schema.columns.items() if c.role == "target"]
    if not names:
        return []
    rng = np.random.default_rng(config.seed)
    train, test = rows["train"], rows["validation"]
    train = np.sort(rng.permutation(train)[: config.probe.objects])
    untrained = workshop.encoder()
    calibrate(untrained, source, workshop.name, train)
    probes = []
    for label, model in (("trained", encoder), ("random", untrained)):
        features = encoder_features(model, source, workshop.name, np.concatenate([train, test]))
        for name in names:
            y = dataset.numbers(name)
            known = np.isfinite(y[train]), np.isfinite(y[test])
            if min(k.sum() for k in known) < 2:
                continue
            result = probe_features(
                features[: len(train)][known[0]],
                y[train][known[0]],
                features[len(train) :][known[1]],
                y[test][known[1]],
                config.probe.neighbours,
            )
            probes.append({"target": name, "weights": label, **result.to_dict()})
    return probes


@torch.inference_mode()
def encoder_features(
    encoder: Encoder, source: BatchSource, name: str, rows: np.ndarray
) -> np.ndarray:
    """Encode the clean observations of some objects, shape (n, out_features)."""

    def encode(batch: Batch) -> dict[str, Tensor]:
        inputs = batch.inputs[name]
        return {name: encoder(inputs["values"], inputs.get("mask"))}

    found = infer(encoder, source.select([name]), rows, encode, batch_size=_PROBE_BATCH)
    return found.get(name, np.zeros((0, encoder.out_features), np.float32))


@torch.no_grad()
def calibrate(encoder: Encoder, source: BatchSource, name: str, rows: np.ndarray) -> None:
    """Give an untrained encoder's batch norms the statistics of real batches.

    Without it random weights are judged by activations that no layer normalises.
    """
    norms = [m for m in encoder.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    chosen = source.select([name])
    momenta = [norm.momentum for norm in norms]
    encoder.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    for number in range(_CALIBRATION_BATCHES):
        part = rows[number * _PROBE_BATCH : (number + 1) * _PROBE_BATCH]
        if len(part) > 1:
            inputs = chosen.batch(part).inputs[name]
            encoder(inputs["values"], inputs.get("mask"))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    encoder.eval()
