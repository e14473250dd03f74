"""Published weights as a model of their own, or as the pre-trained model of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.data.splits import Split
from skybind.encoders.release import map_astrom3_state
from skybind.errors import ConfigError
from skybind.models.build import build_binder
from skybind.models.exchange.astrom3_network import check_features, fill, read_release
from skybind.models.exchange.formats import Beside, find_format
from skybind.models.exchange.reading import WeightSource, read_source
from skybind.models.exchange.statistics import read_statistics
from skybind.models.leaks import PUBLISHED
from skybind.models.model import Model
from skybind.models.saved_schema import training_ranges
from skybind.models.saving import save_model
from skybind.models.stored import refuse_to_replace
from skybind.once import once
from skybind.runs.choosing import read_stored, stored_splits
from skybind.runs.run import Run


@dataclass(frozen=True)
class ImportedWeights:
    """What `import_weights` made.

    Attributes
    ----------
    folder : Path
        The model.
    title : str
        What the weights are.
    notes : list of str
        What was assumed, in sentences.
    """

    folder: Path
    title: str
    notes: list[str]


def import_weights(
    path: str | Path,
    out: str | Path,
    *,
    data: str | Path | Dataset | None = None,
    split: str | Path | None = None,
    statistics: str | Path | None = None,
    standardised: bool = False,
    config: str | Path | None = None,
    features: Mapping[str, Sequence[str]] | None = None,
    classes: Sequence[str] | None = None,
    form: str | None = None,
) -> ImportedWeights:
    """Make a model of weights that others published.

    Parameters
    ----------
    path : str or Path
        A folder as the hub has it, or a file of weights with its `config.json` beside it.
    out : str or Path
        A new folder.
    data : str, Path or Dataset, optional
        Its training objects tell the means and deviations, unless its features are standardised.
    split : str or Path, optional
        Name of a split of `data`, or a file; by default the only one that it holds.
    statistics : str or Path, optional
        File of means and deviations (`skybind.models.exchange.statistics.read_statistics`).
    standardised : bool
        The features that the model will be given are standardised already.
    config : str or Path, optional
        The `config.json`, where it stands elsewhere; or a configuration of skybind.
    features : mapping of modality to sequence of str, optional
        In the order that the network takes, where their names are not the published ones.
    classes : sequence of str, optional
        In the order of a classifier's logits.
    form : str, optional
        Of the weights, where their names do not tell it.

    Raises
    ------
    SkybindError
        If the weights are not known, not whole, do not fit, or need what is not given.
    """
    refuse_to_replace(Path(out))
    _refuse_several([data is not None, statistics is not None, standardised])
    of_release = config is not None and Path(config).suffix == ".json"
    source = read_source(path, config if of_release else None)
    beside = replace(
        _data(data, split),
        config=load_config(config) if config is not None and not of_release else None,
        statistics=None if statistics is None else read_statistics(statistics),
        standardised=standardised,
        features=features or {},
        classes=classes,
    )
    chosen = find_format(source, form)
    made = chosen.take(source, beside)
    made.save(Path(out), {PUBLISHED: _published(source, chosen.name)})
    return ImportedWeights(Path(out), chosen.title, list(made.notes))


def _refuse_several(sources: Sequence[bool]) -> None:
    if sum(sources) > 1:
        raise ConfigError("Give one of --data, --statistics and --standardised.")


def adopt_published(run: Run, weights: str | Path) -> Model:
    """Take AstroM3's published weights as the run's pre-trained model, instead of training.

    The preprocessing is fitted on the run's training objects. Which objects the published
    model was trained on is not known here, so leaks cannot be refused.

    Raises
    ------
    ConfigError
        If the run is pre-trained already.
    ModelError
        If the weights do not fit the run's configuration, or its features stand in another order.
    """
    paths = run.paths.pretraining
    if paths.model.exists():
        raise ConfigError(f"The run in {run.folder} is pre-trained already: use a new folder.")
    source = read_source(weights)
    mapped = map_astrom3_state(source.tensors)
    read_release(source, mapped, run.config)
    named = {name: getattr(m, "features", []) for name, m in run.modalities.items()}
    stated = [n for n, e in run.config.modalities.items() if e.preprocessing.get("features")]
    check_features({n: f for n, f in named.items() if f}, stated, "the run")

    def adopt() -> dict[str, Any]:
        binder = build_binder(run.config, run.shapes)
        fill(binder, mapped)
        save_model(
            paths.model,
            binder,
            config=run.config,
            modalities=run.modalities,
            schema=run.dataset.schema,
            trained_on=np.zeros(0, dtype=str),
            identity={**run.identity, PUBLISHED: _published(source, "astrom3")},
            ranges=training_ranges(run.dataset, run.rows("train")),
        )
        return {"wrote": paths.wrote()}

    once(paths.folder, {"published": source.hash}, adopt)
    return Model.open(paths.model)


def _published(source: WeightSource, form: str) -> dict[str, str]:
    """Say whose weights a model has."""
    place = source.path.resolve()
    return {"form": form, "file": f"{place.parent.name}/{place.name}", "hash": source.hash}


def _data(data: str | Path | Dataset | None, split: str | Path | None) -> Beside:
    """Open a dataset and find its training objects; None where no split tells them.

    Raises
    ------
    ConfigError, DataError
        If there is no such split, or it has no training objects of the dataset.
    """
    if data is None:
        if split is not None:
            raise ConfigError("--split is of --data, which is not given.")
        return Beside()
    dataset = Dataset.open(data) if isinstance(data, str | Path) else data
    stored = stored_splits(dataset)
    if split is None:
        if len(stored) != 1:
            return Beside(dataset=dataset)
        split = stored[0]
    found = read_stored(dataset, str(split)) if str(split) in stored else Split.read(split)
    rows = found.align(dataset.object_ids).rows("train")
    if not len(rows):
        raise ConfigError(f"The split {split} has no training objects of {dataset.path}.")
    return Beside(dataset=dataset, training=rows)
