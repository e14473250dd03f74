"""What a backbone is made with: its modality, its encoder, its training, and its probes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from skybind.config.backbone import BackboneConfig
from skybind.config.load import validate
from skybind.data.dataset import Dataset
from skybind.data.quarantine import write_quarantine
from skybind.encoders.registry import Encoder, build_encoder
from skybind.errors import ConfigError
from skybind.measures.probes import Probe, probe_features
from skybind.modalities.base import Modality, Prepared
from skybind.modalities.batch import Batch
from skybind.modalities.kinds import modality_class
from skybind.modalities.source import BatchSource
from skybind.modalities.spectrum import Spectrum
from skybind.modalities.store import prepare, prepared_folder
from skybind.models.inference import infer
from skybind.progress import preparing, step
from skybind.runs.fitting import find_columns
from skybind.runs.layout import BackbonePaths
from skybind.training.autoencoder import Restored, train_autoencoder
from skybind.training.loop import TrainingResult
from skybind.training.moco import train_moco
from skybind.words import join, nearest

_RESTORED = "restored"


_PROBE_BATCH = 256


_CALIBRATION_BATCHES = 8


class TargetProbe(Probe):
    """R2 of a target predicted from frozen features."""

    target: str = Field(..., description="The column.")
    weights: str = Field(..., description="Of the encoder: `trained` or `random`.")


class Workshop:
    """A configuration on a dataset: builds the modality and the encoder, and trains it."""

    def __init__(self, config: BackboneConfig, dataset: Dataset, paths: BackbonePaths) -> None:
        self.config, self.dataset, self.paths = config, dataset, paths
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
        """How it is trained."""
        return "moco" if self.config.moco is not None else "autoencoder"

    def encoder(self) -> Encoder:
        """Build the encoder with weights drawn from the configuration's seed."""
        entry = self.config.modality.encoder
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            try:
                made = build_encoder(entry["name"], self.modality.shape, **encoder_options(entry))
            except (TypeError, ConfigError) as error:
                raise ConfigError(f"modality.encoder: {error}") from error
        if made.tokens is not None:
            raise ConfigError(
                "modality.encoder gives tokens, and a backbone is trained on one vector an object: "
                "choose another pooling (a run may choose tokens of the same weights)."
            )
        return made

    def source(self, training: np.ndarray) -> BatchSource:
        """Prepare the modality, fit it on the training objects, and say what cannot be used."""
        whole = self.restored or self.modality
        place = prepared_folder(self.paths.prepared, whole, self.dataset.fingerprint)
        with preparing(self.name, len(self.dataset), place) as report:
            prepared = prepare(self.dataset, whole, place, report)
        modalities = {self.name: self.modality}
        if self.restored is not None:
            modalities[_RESTORED] = self.restored
        source = BatchSource(modalities, dict.fromkeys(modalities, prepared))
        with step("fitting the preprocessing", told=False):
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
                encoder,
                config.moco,
                source,
                self.name,
                rows,
                config.training,
                self.paths.folder,
                **how,
            )
        assert config.autoencoder is not None
        assert self.restored is not None
        return train_autoencoder(
            encoder,
            config.autoencoder,
            source,
            Restored(self.name, _RESTORED, self.restored.grid, self.redshift),
            rows,
            config.training,
            self.paths.folder,
            **how,
        )

    def _modality(self, **changes: Any) -> Modality:
        entry = self.config.modality
        cls = modality_class(self.name)
        if self.config.autoencoder is not None and not issubclass(cls, Spectrum):
            raise ConfigError(f"autoencoder is for spectra, not for '{self.name}': use moco.")
        chosen = {**entry.preprocessing, **changes}
        options = validate(cls.Options, chosen, "modality.preprocessing")
        found = find_columns({self.name: entry}, self.dataset)
        if not found:
            raise ConfigError(
                f"The dataset at {self.dataset.path} has no {self.name} (it has "
                f"{join(self.dataset.schema.modalities)})."
            )
        column = None if found[self.name] == self.name else found[self.name]
        return cls(self.name, options, self.dataset.schema, column)

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
            self.paths.folder,
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


def encoder_options(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Give what an encoder's section says besides its name."""
    return {key: value for key, value in entry.items() if key != "name"}


@step("trying the features")
def probe_encoder(
    workshop: Workshop,
    encoder: Encoder,
    source: BatchSource,
    rows: Mapping[str, np.ndarray],
) -> list[TargetProbe]:
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
            probes.append(TargetProbe(**dict(result), target=name, weights=label))
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
