"""AstroM3's published models: the pre-trained one, and the classifiers of one or all modalities.

Folders of the hub with `config.json` and `model.safetensors`, or a `.pth` of the state dict
(github.com/MeriDK/AstroM3). `config.json` decides the network. Features are taken by name, in the
order of the paper's table.
"""

from collections.abc import Collection, Mapping, Sequence

import torch

from skybind.config import Config, load_config
from skybind.config.load import validate, without_modalities
from skybind.data.dataset import Dataset
from skybind.data.schema import BASE_COLUMNS, Column, DatasetSchema
from skybind.encoders.registry import build_encoder
from skybind.encoders.release import map_astrom3_state
from skybind.encoders.release_config import EncoderSpec, ReleaseConfig
from skybind.errors import ConfigError, ModelError
from skybind.ingest.readers.registry import catalogue
from skybind.modalities.base import Modality
from skybind.modalities.computed import STANDARDISED
from skybind.models.binder import Binder
from skybind.models.build import build_binder, build_classifier, build_modalities
from skybind.models.classifier import Classifier
from skybind.models.exchange.astrom3_network import (
    PUBLISHED_FEATURES,
    fill,
    prepared_as_published,
    read_release,
    stands_for,
)
from skybind.models.exchange.formats import Beside, Format, PublishedModel, register_format
from skybind.models.exchange.reading import WeightSource
from skybind.models.exchange.statistics import features_to_scale, standardise
from skybind.models.saved_schema import training_ranges
from skybind.words import join, nearest

#: The configuration that tells how the release prepares its data.
CONFIGURATION = "astrom3"
#: Channels of a light curve before and after its features: time, flux, error; log MAD, time span.
_OTHER_CHANNELS = 5
_FUSIONS = {"avg": "mean", "concat": "embeddings"}
_FIELDS: dict[str, dict[str, str | None]] = {
    "photometry": {"time": "d", "flux": "mJy", "flux_err": "mJy"},
    "spectrum": {"wavelength": "Angstrom", "flux": None, "flux_err": None, "mask": None},
}
_PREFIXES = ("photometry_encoder.", "spectra_encoder.", "metadata_encoder.")
_ALONE = (
    "enc_embedding.value_embedding.tokenConv.weight",
    "layers.0.weight",
    "model.0.weight",
)


def recognises(names: Collection[str]) -> bool:
    """Whether tensors of these names are of a model of AstroM3."""
    if any(name.startswith(_PREFIXES) for name in names):
        return True
    return "fc.weight" in names and any(name in names for name in _ALONE)


def take(source: WeightSource, beside: Beside) -> PublishedModel:
    """Make a model of AstroM3's published weights.

    Raises
    ------
    ConfigError, ModelError, DataError
        If the weights are not whole, `config.json` contradicts them, or what they do not tell is
        not given.
    """
    mapped = map_astrom3_state(source.tensors)
    release = read_release(source, mapped, beside.config)
    base = load_config(CONFIGURATION) if beside.config is None else beside.config
    features = {
        name: list(beside.features.get(name) or _listed(base, name, beside) or published)
        for name, published in PUBLISHED_FEATURES.items()
        if name in release.encoders
    }
    _refuse_unknown(beside, release)
    _check_counts(release, features)
    classes = _class_names(release, beside.classes, base)
    config = configure(base, release, features, classes, renamed=beside.features)
    schema, notes = _schema(config, features, beside)
    modalities = build_modalities(config, schema)
    notes += _renamed_notes(modalities, beside.features)
    notes += standardise(modalities, beside)
    shapes = {name: modality.shape for name, modality in modalities.items()}
    names = list(modalities)
    module: Binder | Classifier
    if classes:
        module = build_classifier(config, shapes, names, len(classes))
    else:
        module = build_binder(config, shapes, names)
    fill(module, mapped)
    ranges = None
    if beside.dataset is not None and beside.training is not None:
        ranges = training_ranges(beside.dataset, beside.training)
    return PublishedModel(module, config, modalities, schema, classes, ranges, notes)


def configure(
    base: Config,
    release: ReleaseConfig,
    features: Mapping[str, Sequence[str]],
    classes: Sequence[str],
    renamed: Collection[str] = (),
) -> Config:
    """Give the configuration of a published network: its sizes in the release's preprocessing.

    Of the modalities `renamed` the features are prepared as those in their places
    (`skybind.models.exchange.astrom3_network.stands_for`).
    """
    names = list(release.encoders)
    raw = without_modalities(base.model_dump(mode="json"), set(base.modalities) - set(names))
    # joined side by side, embeddings stand in the order of the network
    raw["modalities"] = {name: raw["modalities"][name] for name in names}
    alone = release.embedding_size is None
    for name, spec in release.encoders.items():
        section = raw["modalities"][name]
        section["encoder"] = {"name": spec.name, **spec.options}
        section["projection"] = "none" if alone else "linear"
        if name in features:
            options = section["preprocessing"]
            options["features"] = list(features[name])
            if name in renamed:
                options |= prepared_as_published(name, features[name], options)
        if name == "photometry":
            section["preprocessing"]["length"] = spec.shape.length
    (first, *_) = release.encoders.values()
    raw["model"]["dimension"] = (
        build_width(first) if release.embedding_size is None else release.embedding_size
    )
    raw["model"]["head_scale"] = 1.0
    raw["description"] = "Weights that the authors of AstroM3 published."
    raw["labels"]["classes"] = list(classes) or raw["labels"]["classes"]
    raw["finetuning"]["fusion"] = _FUSIONS[release.fusion]
    raw["finetuning"]["overrides"] = {}
    return validate(Config, raw, "the configuration of the published model")


def _renamed_notes(modalities: Mapping[str, Modality], renamed: Collection[str]) -> list[str]:
    """Say what features with names of the user's own are taken for, where more is done to them."""
    notes = []
    for name in renamed:
        modality = modalities[name]
        raw, options = features_to_scale(modality), modality.options.model_dump()
        done = {*options["transforms"], *options.get("absolute", [])}
        stands = stands_for(name, options["features"])
        pairs = [f"{own} as {stands[own]}" for own in raw if own in done and stands[own] != own]
        if pairs:
            notes.append(
                f"Features of {name} with names of your own are prepared as the published ones in "
                f"their places: {join(pairs[:4] + (['more'] if len(pairs) > 4 else []))}."
            )
    return notes


def build_width(spec: EncoderSpec) -> int:
    """Return the number of features of an encoder."""
    with torch.device("meta"):
        return build_encoder(spec.name, spec.shape, **spec.options).out_features


def _listed(base: Config, name: str, beside: Beside) -> list[str] | None:
    """Features that a user's configuration lists; the shipped one's are the published ones."""
    if beside.config is None or name not in base.modalities:
        return None
    return base.modalities[name].preprocessing.get("features")


def _refuse_unknown(beside: Beside, release: ReleaseConfig) -> None:
    for name in beside.features:
        if name not in PUBLISHED_FEATURES or name not in release.encoders:
            known = [n for n in PUBLISHED_FEATURES if n in release.encoders]
            raise ConfigError(
                f"--features names '{name}', and the weights take features of "
                f"{join(known) or 'no modality'}."
            )


def _check_counts(release: ReleaseConfig, features: Mapping[str, Sequence[str]]) -> None:
    """Refuse lists of features of another length than the network takes."""
    for name, names in features.items():
        channels = release.encoders[name].shape.channels
        wanted = channels - (_OTHER_CHANNELS if name == "photometry" else 0)
        if len(set(names)) != len(names):
            raise ConfigError(f"The features of {name} name one twice.")
        if len(names) != wanted:
            raise ModelError(
                f"The network takes {wanted} features of {name}, and "
                f"{len(names)} are known by name: give --features {name}=... in its order."
            )


def _class_names(release: ReleaseConfig, given: Sequence[str] | None, base: Config) -> list[str]:
    """Give the names of the classes in the order of the logits.

    Raises
    ------
    ConfigError
        If they are not as many as the logits.
    """
    if release.classes is None:
        if given is not None:
            raise ConfigError("--classes is for classifiers, and these weights are of none.")
        return []
    names = list(given if given is not None else base.labels.classes or [])
    if len(set(names)) != len(names) or not all(names):
        raise ConfigError("--classes names a class twice, or one without a name.")
    if len(names) != release.classes:
        raise ConfigError(
            f"The classifier tells {release.classes} classes, and {len(names)} have names: give "
            "--classes with all of them in the order of its logits."
        )
    return names if given is not None else sorted(names)


def _schema(
    config: Config, features: Mapping[str, Sequence[str]], beside: Beside
) -> tuple[DatasetSchema, list[str]]:
    """Give the schema that the model is made for, and what is to be said of it."""
    if beside.dataset is not None:
        return beside.dataset.schema, _matched(beside.dataset, config, features)
    units = {
        name: entry.get("unit")
        for group in catalogue("asassn")["features"].values()
        for name, entry in group.items()
    }
    said = {STANDARDISED: True} if beside.standardised else {}
    columns = dict(BASE_COLUMNS)
    for name in config.modalities:
        if name in _FIELDS:
            columns[name] = Column("observation", modality=name, fields=_FIELDS[name])
        stands = stands_for(name, features.get(name, ()))
        for feature in features.get(name, ()):
            unit = None if beside.standardised else units.get(stands.get(feature, feature))
            columns[feature] = Column("feature", unit, modality=name, attributes=dict(said))
    return DatasetSchema(columns), []


def _matched(dataset: Dataset, config: Config, features: Mapping[str, Sequence[str]]) -> list[str]:
    """Say where a dataset has features in another order; refuse one that lacks some.

    Raises
    ------
    ModelError
    """
    notes = []
    for name, wanted in features.items():
        column = config.modalities[name].column or name
        own = dataset.schema.features(column)
        for place, feature in enumerate(wanted, start=1):
            if feature not in own:
                raise ModelError(
                    f"The dataset at {dataset.path} has no {column} feature '{feature}', which "
                    f"the weights take as number {place}: {nearest(feature, own)} If it has them "
                    f"under other names, list these with --features {name}=..."
                )
        if [feature for feature in own if feature in wanted] != list(wanted):
            notes.append(
                f"The dataset has the features of {name} in another order than the weights take "
                "them: they are taken by name."
            )
    return notes


register_format(Format("astrom3", "model of AstroM3", recognises, take))
