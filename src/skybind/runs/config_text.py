"""The text of a configuration for what a dataset has: YAML, each choice with its reason."""

import itertools
import re
from collections.abc import Mapping
from textwrap import wrap
from typing import Any

import numpy as np
import yaml

from skybind.config.schema import LabelConfig
from skybind.runs.curve_facts import SAMPLE
from skybind.runs.modality_text import Section, modality_section, size_of
from skybind.runs.survey_facts import ImageFacts, SpectrumFacts, SurveyFacts
from skybind.words import join

#: Passes over the objects, at most, and optimiser steps, at least, by `size_of` the survey.
EPOCHS, STEPS = {"few": 20, "some": 30, "many": 15}, {"few": 200, "some": 300, "many": 600}
DIMENSION = {"few": 64, "some": 128, "many": 256}
#: Objects that two modalities share, at least, to be bound; and that have a target.
SHARED = 20
_NAMED, _WIDTH = 12, 96

#: Objects that have both of two modalities.
Shared = dict[tuple[str, str], int]


def write_facts(facts: SurveyFacts, name: str) -> str:
    """Return the text of a configuration.

    Parameters
    ----------
    facts : SurveyFacts
        With at least one modality.
    name : str
        Of the configuration.
    """
    names = _modality_names(facts)
    classes = _classes(facts)
    parts = [_head(facts, name, names), _labels(facts, classes), _split(facts)]
    shared = _shared(facts)
    parts += [_modalities(facts, names, shared), _model(facts, names, shared), _training(facts)]
    parts += [_finetuning(facts, classes), _evaluation(facts)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def safe_name(text: str) -> str:
    """Return a name that may be that of a file and of a modality."""
    kept = re.sub(r"[^A-Za-z0-9_.-]+", "_", text).lstrip(".")[:80]
    return f"{kept}_" if kept in ("each", "all", "") else kept


def _modality_names(facts: SurveyFacts) -> dict[str, str]:
    """Name the modalities after their columns, as far as they may be called so."""
    names: dict[str, str] = {}
    for found in facts.modalities:
        name = safe_name(found.name)
        while name in names.values():
            name += "_"
        names[found.name] = name
    return names


def _head(facts: SurveyFacts, name: str, names: Mapping[str, str]) -> list[str]:
    lines = comment(
        f"Written by 'skybind config new' for the dataset '{facts.name}' of {facts.objects:,} "
        "objects: a start, to be changed. 'skybind config keys' explains every key, 'skybind run "
        "THIS_FILE --data DIR --out run/' uses it. Objects are counted; what observations are "
        f"like was read from a sample of {SAMPLE:,} of each kind at most."
    )
    for column, why in facts.left.items():
        lines += comment(f"Not used: '{column}' ({why}).")
    what = f"{join(list(names.values()))} of {facts.objects:,} objects."
    return [*lines, f"name: {flow(name)}", f"description: {flow(what)}"]


def _classes(facts: SurveyFacts) -> dict[str, int]:
    """Classes in use and their numbers, of the label that is classified; empty: there are none."""
    least = LabelConfig().min_objects
    column = _label(facts)
    if column is None:
        return {}
    used = {name: n for name, n in facts.labels[column].items() if name and n >= least}
    return used if len(used) > 1 else {}


def _label(facts: SurveyFacts) -> str | None:
    default = LabelConfig().column
    return default if default in facts.labels else next(iter(facts.labels), None)


def _labels(facts: SurveyFacts, classes: Mapping[str, int]) -> list[str]:
    column, least = _label(facts), LabelConfig().min_objects
    if column is None:
        return comment("The dataset has no label: nothing is classified.")
    counts = {name: n for name, n in facts.labels[column].items() if name}
    rare = {name: n for name, n in counts.items() if name not in classes}
    without = facts.labels[column].get("", 0)
    if not classes:
        lines = comment(
            f"Fewer than two classes of '{column}' have {least} objects ({counted(counts)}): "
            "nothing is classified, by a least number of objects that none reaches."
        )
        least = max(counts.values(), default=0) + 1
    else:
        lines = comment(f"{len(classes)} classes of '{column}': {counted(classes)}.")
        if rare:
            lines += comment(
                f"Too rare to be trained and tested (fewer than {least} objects), so embedded but "
                f"not classified: {counted(rare)}."
            )
    if without:
        lines += comment(f"{without:,} objects have no '{column}'; they are pre-trained on.")
    others = [f"'{name}'" for name in facts.labels if name != column]
    if others:
        lines += comment(f"Other labels that could be classified: {join(others)}.")
    return [*lines, f"labels: {flow({'column': column, 'min_objects': least})}"]


def _split(facts: SurveyFacts) -> list[str]:
    if facts.splits:
        lines = comment(f"The split that the dataset holds: {facts.splits[0]}.")
        if len(facts.splits) > 1:
            lines += comment(f"It has {join(facts.splits[1:])} too.")
        return [*lines, f"split: {flow({'name': facts.splits[0], 'subsets': []})}"]
    few = size_of(facts.objects) == "few"
    parts = [0.6, 0.2, 0.2] if few else [0.8, 0.1, 0.1]
    lines = comment(
        "Train, validation and test, each class in proportion"
        + ("; with few objects, more of them test." if few else ".")
        + " Twins, at one position or with the same data, stay on one side. 'kind: sky' parts "
        "whole regions of the sky."
    )
    return [*lines, f"split: {flow({'kind': 'random', 'fractions': parts, 'subsets': []})}"]


def _modalities(facts: SurveyFacts, names: Mapping[str, str], shared: Shared) -> list[str]:
    lines = comment(
        "Encoders are as large as the objects of their modality allow: small and with more "
        "dropout below 1,000, large from 20,000."
    )
    lines.append("modalities:")
    lonely = _lonely(facts, _bound(shared))
    for found in facts.modalities:
        name = names[found.name]
        lines += _section(name, modality_section(found, name, found.name in lonely))
    return lines


def _section(name: str, section: Section) -> list[str]:
    lines = [line for text in section.reasons for line in comment(text, 2)]
    lines.append(f"  {flow(name)}:")
    for key, value in section.keys.items():
        line = f"    {key}: {flow(value)}"
        if len(line) <= _WIDTH or not isinstance(value, dict):
            lines.append(line)
            continue
        lines.append(f"    {key}:")
        lines += [f"      {flow(inner)}: {flow(what)}" for inner, what in value.items()]
    return lines


def _model(facts: SurveyFacts, names: Mapping[str, str], shared: Shared) -> list[str]:
    dimension = DIMENSION[size_of(facts.objects)]
    lines, pairs = _pairs(facts, names, shared)
    lines += [f"model: {{dimension: {dimension}, pairs: {flow(pairs)}, scale: {{initial: 15}}, "
              "head_scale: 10}"]  # fmt: skip
    return lines


def _shared(facts: SurveyFacts) -> Shared:
    """Count the objects that have both of two modalities."""
    every = [found.name for found in facts.modalities]
    return {
        (a, b): int(np.sum(facts.present[a] & facts.present[b]))
        for a, b in itertools.combinations(every, 2)
    }


def _bound(shared: Shared) -> list[tuple[str, str]]:
    return [pair for pair, n in shared.items() if n >= SHARED]


def _lonely(facts: SurveyFacts, bound: list[tuple[str, str]]) -> list[str]:
    """Name the modalities that are bound with no other, and so with themselves."""
    together = {name for pair in bound for name in pair}
    return [found.name for found in facts.modalities if found.name not in together]


def _pairs(facts: SurveyFacts, names: Mapping[str, str], shared: Shared) -> tuple[list[str], Any]:
    """Choose the pairs of modalities: those that enough objects have both of."""
    if len(facts.modalities) == 1:
        return comment("One modality: two augmented views of each object are bound."), "all"
    bound = _bound(shared)
    said = [f"{names[a]} and {names[b]} ({n:,})" for (a, b), n in shared.items()]
    lines = comment(f"Objects that have both: {join(said)}.")
    if len(bound) < len(shared):
        lines += comment(f"Pairs that fewer than {SHARED} objects have are not bound.")
    lonely = _lonely(facts, bound)
    if lonely:
        lines += comment(
            f"{join([names[name] for name in lonely])}: bound with itself alone, which puts it in "
            "a space of its own."
        )
    views = [f.name for f in facts.modalities if isinstance(f, SpectrumFacts | ImageFacts)]
    if not facts.targets:
        views = []
    if views:
        lines += comment(
            "What only one modality shows of a target stays in its embedding if it is bound with "
            "itself too (two augmented views)."
        )
    every = [found.name for found in facts.modalities]
    selves = [(name, name) for name in every if name in lonely or name in views]
    if len(bound) == len(shared) and not selves:
        return lines, "all"
    return lines, [[names[a], names[b]] for a, b in [*bound, *selves]]


def _training(facts: SurveyFacts) -> list[str]:
    size = size_of(facts.objects)
    lines = comment(
        "Training ends when the validation loss does not fall any more. With few objects it is "
        "counted in optimiser steps: smaller batches, and more epochs than are named."
    )
    return [*lines, *_options("training:", 256, EPOCHS[size], STEPS[size], warmup=2)]


def _options(key: str, batch: int, epochs: int, steps: int, warmup: int) -> list[str]:
    """Write training options: a mapping over some lines."""
    options = {
        "batch_size": batch,
        "epochs": epochs,
        "warmup_epochs": warmup,
        "min_batches": 4,
        "min_steps": steps,
        "min_patience": 50,
        "optimizer": "adamw",
        "learning_rate": 2e-3,
        "weight_decay": 1e-3,
        "betas": [0.9, 0.999],
        "gradient_clip": 5.0,
        "plateau_factor": 0.3,
        "early_stop_patience": 6,
    }
    inner = " " * (len(key) - len(key.lstrip()) + 2)
    return wrap(f"{key} {flow(options)}", _WIDTH, subsequent_indent=inner)


def _finetuning(facts: SurveyFacts, classes: Mapping[str, int]) -> list[str]:
    if not classes:
        return ["finetuning: {modalities: []}     # nothing to classify"]
    labelled, rarest = sum(classes.values()), min(classes.values())
    subsets, lines = ["full"], comment("How well few labels do, beside all of them.")
    if labelled >= 20 * len(classes):
        subsets.append("10")
    if rarest >= 10:
        subsets.append("5-each")
    size = size_of(labelled)
    return [
        *lines,
        "finetuning:",
        "  modalities: [each, all]",
        f"  subsets: {flow(subsets)}",
        "  modality_dropout: 0.3" if len(facts.modalities) > 1 else "  modality_dropout: 0.0",
        *_options("  training:", 64, 12, min(STEPS[size], 250), warmup=1),
    ]


def _evaluation(facts: SurveyFacts) -> list[str]:
    options: dict[str, Any] = {"map_objects": 2000}
    lines: list[str] = []
    if facts.targets:
        enough = [name for name, n in facts.targets.items() if n >= 5 * SHARED]
        lines = comment(f"Targets, predicted from the embeddings: {counted(facts.targets)}.")
        if len(enough) < len(facts.targets):
            options["targets"] = enough
            lines += comment(f"Those that fewer than {5 * SHARED} objects have are left out.")
        options["supervised_epochs"] = 10
    return [*lines, f"evaluation: {flow(options)}"]


def counted(numbers: Mapping[str, int]) -> str:
    """Write names with their numbers, the first of many."""
    said = [f"{name} ({n:,})" for name, n in numbers.items()]
    if len(said) > _NAMED:
        return ", ".join(said[:_NAMED]) + f" and {len(said) - _NAMED} more"
    return join(said) or "none"


def comment(text: str, indent: int = 0) -> list[str]:
    """Write a sentence as lines of a comment."""
    first = f"{' ' * indent}# "
    words = "".join(c if c.isprintable() else " " for c in text)
    return [first + line for line in wrap(words, _WIDTH - len(first), break_on_hyphens=False)]


def flow(value: Any) -> str:
    """Write a value as YAML on one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6
    )
    return text.removesuffix("...\n").strip()
