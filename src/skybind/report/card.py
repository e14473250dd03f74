"""The card of a model: the README.md of a folder that is given to others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from skybind.drawing.cells import share
from skybind.evaluation.records import CaseResult, Metrics
from skybind.models.leaks import PUBLISHED
from skybind.models.model import Model
from skybind.version import __version__
from skybind.words import join

#: Papers of the networks, by how the name of their configuration or of their form begins.
PAPERS = {
    "astrom3": "Rizhko, M. and Bloom, J. S. 2024, AstroM3: A self-supervised multimodal model for "
    "astronomy, arXiv:2411.08842",
    "astroclip": "Parker, L. et al. 2024, AstroCLIP: a cross-modal foundation model for galaxies, "
    "MNRAS 531, 4990",
}
#: Papers of published weights that a frozen backbone has, by their form.
BACKBONE_PAPERS = {
    "stein": "Stein, G. et al. 2021, Self-supervised similarity search for large scientific "
    "datasets, arXiv:2110.13151",
    "spender": "Melchior, P. et al. 2023, Autoencoding galaxy spectra. I. Architecture, AJ 166, 74",
    "specformer": "Parker, L. et al. 2024, AstroCLIP: a cross-modal foundation model for galaxies, "
    "MNRAS 531, 4990 (SpecFormer)",
    "dinov2": "Oquab, M. et al. 2023, DINOv2: Learning robust visual features without supervision, "
    "arXiv:2304.07193",
}
# Whose weights the networks of a whole published AstroCLIP have.
_WITHIN = {"resnet50": "stein", "resnet": "stein", "vit": "dinov2"}


@dataclass(frozen=True)
class CardText:
    """What a user says of a model that is given to others.

    Attributes
    ----------
    licence, data_licence : str or None
        Of the weights, and of the data that they were trained on, as the hub names them
        (`cc-by-4.0`).
    citation : str or None
        How the model is cited.
    name : str or None
        Its name; by default that of its configuration.
    """

    licence: str | None = None
    data_licence: str | None = None
    citation: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class DataFacts:
    """What is known of the data that a model was trained on.

    Attributes
    ----------
    provenance : str
    simulated : bool or None
    n_objects : int or None
    parts : dict of str to int
        Part of the split -> objects.
    """

    provenance: str = ""
    simulated: bool | None = None
    n_objects: int | None = None
    parts: Mapping[str, int] | None = None


def model_card(
    model: Model,
    text: CardText,
    data: DataFacts,
    results: Sequence[str],
    usage: Sequence[str],
) -> str:
    """Write the card of a model in Markdown, with the front matter that the hub reads.

    Parameters
    ----------
    model : Model
    text : CardText
    data : DataFacts
    results : sequence of str
        Lines of the table of results (`result_lines`).
    usage : sequence of str
        Lines of the program that opens the files.
    """
    name = text.name or model.config.name
    parts = [
        _front_matter(model, text),
        f"# {name}",
        _what(model),
        "## Data",
        *_data(model, text, data),
        "## Results",
        "\n".join(results) if results else "No results are known: the model was not evaluated.",
        "## Use",
        "```python\n" + "\n".join(usage) + "\n```",
        "What it reads, with its units:",
        _reads(model),
        "## Licence",
        _licences(text),
        "## Citation",
        *_citations(model, text),
        f"Made with skybind {__version__} (weights {model.identity.get('weights', 'unknown')}).",
    ]
    return "\n\n".join(parts) + "\n"


def result_lines(metrics: Metrics, case: CaseResult | None) -> list[str]:
    """Lines of a table of what a model reached on the test objects; none if nothing is known.

    Parameters
    ----------
    metrics : Metrics
    case : CaseResult, optional
        Of a classifier; otherwise the pre-trained model is meant.
    """
    rows: list[tuple[str, str, int]] = []
    if case is not None:
        rows += [
            ("accuracy", _share(case.accuracy, case.accuracy_error), case.n_test),
            (
                "balanced accuracy",
                _share(case.balanced_accuracy, case.balanced_accuracy_error),
                case.n_test,
            ),
        ]
        if case.calibration is not None:
            rows.append(("calibration error", f"{case.calibration.error:.4f}", case.n_test))
    else:
        for pair in metrics.retrieval:
            for k, recall in pair.recall.items():
                what = f"partner among the {k} nearest, {pair.query} to {pair.target}"
                rows.append((what, _share(recall, pair.recall_error[k]), pair.n))
        for vote in metrics.knn:
            what = f"accuracy of {vote.k} nearest neighbours, {' + '.join(vote.modalities)}"
            rows.append((what, _share(vote.accuracy, vote.accuracy_error), vote.n_test))
        for target in metrics.regression:
            if target.zero_shot and target.fit == target.predict and target.share == 100:
                what = f"R2 of {target.target} by neighbours, {' + '.join(target.predict)}"
                rows.append((what, _value(target.r2, target.r2_error), target.n_test))
    if not rows:
        return []
    head = ["| on test objects | value | objects |", "| --- | --- | --- |"]
    return [*head, *(f"| {what} | {value} | {n:,} |" for what, value, n in rows)]


def _value(value: float, error: float) -> str:
    return f"{value:z.4f} ± {error:.4f}"


def _share(value: float, error: float) -> str:
    """Write a share of objects; its error leads to no more than all of them."""
    return f"{share(value, error)} %"


def _front_matter(model: Model, text: CardText) -> str:
    classifier = model.classifier is not None
    known: dict[str, Any] = {
        "library_name": "skybind",
        "pipeline_tag": "other" if classifier else "feature-extraction",
        "tags": [
            "astronomy",
            "contrastive-learning",
            *(["classification"] if classifier else []),
            *dict.fromkeys(modality.kind for modality in model.modalities.values()),
        ],
    }
    if text.licence is not None:
        known = {"license": text.licence, **known}
    return f"---\n{yaml.safe_dump(known, sort_keys=False, allow_unicode=True)}---"


def _what(model: Model) -> str:
    names = list(model.modalities)
    bound = join(
        [f"{name} ({model.binder.encoders[name].out_features:,} features)" for name in names]
    )
    n = sum(parameter.numel() for parameter in model.binder.parameters())
    if model.classifier is not None:
        n = sum(parameter.numel() for parameter in model.classifier.parameters())
        said = f"It tells {len(model.classes)} classes ({', '.join(model.classes)}) from {bound}."
    else:
        pairs = join([f"{a} with {b}" for a, b in model.binder.pairs])
        said = (
            f"It embeds {bound} of one object in one space of {model.binder.dimension} dimensions"
            f"{f', and binds {pairs}' if len(names) > 1 else ''}."
        )
    about = f"{model.config.description}\n\n" if model.config.description else ""
    return f"{about}{said} It has {n:,} parameters."


def _data(model: Model, text: CardText, data: DataFacts) -> list[str]:
    said = []
    if data.simulated:
        said.append("**The data are simulated.**")
    if data.provenance:
        said.append(data.provenance.rstrip(".") + ".")
    if data.n_objects is not None:
        parts = join([f"{n:,} {part}" for part, n in (data.parts or {}).items()])
        said.append(f"{data.n_objects:,} objects{f', {parts}' if parts else ''}.")
    if PUBLISHED in model.identity:
        said.append(
            "It began with published weights of others, and which objects these were trained on "
            "is not known."
        )
    if len(model.trained_on):
        said.append(
            f"Trained on {len(model.trained_on):,} objects; hashes of their names are in "
            "`trained_on.npy`, and skybind refuses to test on them."
        )
    if model.seen.knows_places:
        said.append(
            "Their positions, and hashes of their observations and catalogue rows, are in "
            "`seen.safetensors`, by which they are known under other names."
        )
    if "split_hash" in model.identity:
        said.append(f"Split {model.identity['split_hash']}, seed {model.identity.get('seed')}.")
    return [" ".join(said) or "Nothing is known of them."]


def _reads(model: Model) -> str:
    lines = []
    for name, wanted in model.reads.items():
        fields = {**wanted.fields, **wanted.features}
        units = [f"{field} [{unit}]" if unit else field for field, unit in fields.items()]
        lines.append(f"- `{name}`: {', '.join(units)}")
    return "\n".join(lines)


def _licences(text: CardText) -> str:
    said = (
        f"The weights: {text.licence}."
        if text.licence is not None
        else "No licence of the weights is stated: ask their author before using them."
    )
    return said + (f" The data: {text.data_licence}." if text.data_licence is not None else "")


def _citations(model: Model, text: CardText) -> list[str]:
    known = model.identity.get(PUBLISHED)
    form = known.get("form") if isinstance(known, Mapping) else None
    origins = [str(name) for name in (model.config.name, form) if name]
    papers = {p: paper for p, paper in PAPERS.items() if any(o.startswith(p) for o in origins)}
    found = [text.citation] if text.citation else []
    found += [f"The network: {paper}." for paper in papers.values()]
    # a whole model of others has their backbones within
    whole = form is not None and str(form).startswith("astroclip")
    for name, encoder in model.binder.backboned.items():
        entry = model.config.modalities[name].backbone
        network = "" if entry is None else str(entry.encoder["name"])
        origin = encoder.origin or (_WITHIN.get(network, network) if whole else "")
        if origin in BACKBONE_PAPERS:
            found.append(f"The weights of the {name} backbone: {BACKBONE_PAPERS[origin]}.")
    return found
