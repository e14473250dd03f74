"""A run and its models, as people use them: nothing is computed here."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skybind.api.found import Discoveries, Matches
from skybind.api.looked import Explorable
from skybind.config import Config, load_config
from skybind.data.dataset import Dataset
from skybind.data.splits import Split
from skybind.embeddings.store import Embeddings
from skybind.errors import ConfigError, ModelError
from skybind.models.model import Model as TrainedModel
from skybind.runs.run import Run as StoredRun
from skybind.words import html_facts

if TYPE_CHECKING:
    from astropy.table import Table
    from matplotlib.figure import Figure

    from skybind.discovery.discover import DiscoverOptions
    from skybind.discovery.update import Updated
    from skybind.evaluation.records import Metrics


class Model(Explorable, TrainedModel):
    """A trained model: it embeds, classifies and predicts whatever it is given.

    `load`, `Run.pretrain` and `Run.finetune` give one. It is a transformer of scikit-learn, too:
    `make_pipeline(model, classifier)` trains a classifier of yours on embeddings.
    """

    @cached_property
    def run(self) -> "Run":
        """The run that the model stands in.

        Raises
        ------
        ModelError
            If it stands alone.
        """
        if self.run_folder is None:
            raise ModelError(
                f"The model in {self.folder} stands in no run, and predictions and classes of a "
                "pre-trained model need its run: load that one's folder."
            )
        return Run.open(self.run_folder)

    def classify(
        self, data: Any = None, *, modalities: Sequence[str] | None = None, **observations: Any
    ) -> "Table":
        """Classify whatever holds observations; see `skybind.models.model.Model.classify`.

        A pre-trained model classifies by the best classifier of its run: of `modalities`, or of
        most modalities, trained with most labels.
        """
        if self.classifier is None and self.run_folder is not None:
            best = self.run.classifier(modalities=modalities)
            return best.classify(data, modalities=modalities, **observations)
        return super().classify(data, modalities=modalities, **observations)

    def predict(self, data: Any = None, target: str = "redshift", **options: Any) -> "Table":
        """Predict a number, with its error, for whatever holds observations.

        Parameters
        ----------
        data : optional
            As of `embed`.
        target : str
            A column of the run's dataset.
        **options
            `fit` and `predict`: modalities that the training objects and the new ones are known by
            (all by default); one object as arrays, as of `embed`.

        Returns
        -------
        astropy.table.Table
            `object_id`, the target, its error `TARGET_err`, and `reason`: why there is none.

        Raises
        ------
        ConfigError, DataError
            If there is no such column, or nothing can be used.
        ModelError
            If the model stands in no run.
        """
        return self.run.predict(target, data, **options)

    def transform(self, data: Any) -> np.ndarray:
        """Embed, for scikit-learn: the mean over each object's modalities, shape (n, D)."""
        return self.embed(data).mean()

    def fit(self, data: Any = None, labels: Any = None) -> "Model":
        """Return the model: it is trained already."""
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, for scikit-learn: there are none to set."""
        return {}

    def set_params(self, **parameters: Any) -> "Model":
        """Refuse parameters, for scikit-learn."""
        if parameters:
            raise ConfigError(f"A trained model has no parameter '{next(iter(parameters))}'.")
        return self

    def __sklearn_clone__(self) -> "Model":
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="transformer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            input_tags=InputTags(two_d_array=False, allow_nan=True),
        )

    def __repr__(self) -> str:
        gives = len(self.classes) or self.binder.dimension
        what = "classes" if self.classes else "dimensions"
        names = " + ".join(self.modalities)
        return f"<Model {self.config.name}: {names} -> {gives} {what}, in {self.folder}>"

    def _repr_html_(self) -> str:
        facts = {
            "modalities": ", ".join(self.modalities),
            "embedding": f"{self.binder.dimension} numbers",
            "classes": ", ".join(self.classes) or "none: a pre-trained model",
            "trained on": f"{len(self.trained_on):,} objects",
            "folder": str(self.folder),
        }
        return html_facts(f"Model {self.config.name}", facts)


class Run(Explorable, StoredRun):
    """One configuration on one dataset, in one folder that holds everything.

    Every method does its part once: asked again, it gives what it made.
    """

    @classmethod
    def start(
        cls,
        config: str | Path | Config,
        data: str | Path | Dataset,
        out: str | Path,
        *,
        split: Split | None = None,
        keys: Sequence[str] = (),
    ) -> Self:
        """Start a run in folder `out`, or go on with the one that stands there.

        Parameters
        ----------
        config : str, Path or Config
            A shipped configuration (`stars-small`), a YAML file, or one that was read.
        data : str, Path or Dataset
            The dataset, or its folder.
        out : str or Path
            The run's folder.
        split : Split, optional
            Use it instead of the one that the configuration describes.
        keys : sequence of str
            Single keys to set, such as `training.epochs=20`.

        Raises
        ------
        ConfigError
            If another run stands in `out`, or the configuration does not fit the dataset.
        DataError
            If the dataset cannot be used.
        """
        if not isinstance(config, Config):
            config = load_config(config, keys)
        elif keys:
            raise ConfigError("Single keys are set in a configuration that is read by its name.")
        place = data.path if isinstance(data, Dataset) else data
        return super().start(config, place, out, split=split)

    def pretrain(self, start: "Model | str | Path | None" = None) -> Model:
        """Bind the modalities, without labels; gives the best model by validation loss.

        Parameters
        ----------
        start : Model, str or Path, optional
            Begin from the weights of another model, or of another run's (its folder), as far as
            they fit.
        """
        from skybind.runs.steps import run_pretraining

        return Model.open(run_pretraining(self, start=start).folder)

    def finetune(
        self,
        modalities: str = "all",
        labels: float | str = 1.0,
        *,
        start: str = "pretrained",
        frozen: bool = False,
    ) -> Model:
        """Train a classifier with labels.

        Parameters
        ----------
        modalities : str
            `all`, or names joined by '+'.
        labels : float or str
            Share of the labels (0.10), or a subset: `full`, `10`, `5-each` (objects a class).
        start : {"pretrained", "scratch"}
            Initial weights.
        frozen : bool
            Train the head only.

        Returns
        -------
        Model
            A classifier.
        """
        from skybind.runs.cases import choose_cases
        from skybind.runs.classes import case_reliability
        from skybind.runs.steps import run_finetuning

        (case,) = choose_cases(self, [modalities], [_subset(labels)], [start], frozen)
        run_finetuning(self, case)
        case_reliability(self, case)
        return Model.open(self.paths.case(case.name).model)

    @property
    def model(self) -> Model:
        """The pre-trained model.

        Raises
        ------
        ModelError
            If it is not trained yet.
        """
        from skybind.runs.steps import run_model

        return Model.open(run_model(self).folder)

    def classifier(self, case: str | None = None, modalities: Sequence[str] | None = None) -> Model:
        """Open a classifier of the run.

        Parameters
        ----------
        case : str, optional
            Its name; by default the one of `modalities`, or of most modalities, trained with most
            labels.
        modalities : sequence of str, optional

        Raises
        ------
        ConfigError
            If there is no such case.
        ModelError
            If there is no classifier.
        """
        from skybind.runs.classes import case_reliability
        from skybind.runs.classify import find_classifier, stored_case

        folder, name = find_classifier(self.folder, case, modalities)
        case_reliability(self, stored_case(self.folder, name))
        return Model.open(folder)

    def classify(self, data: Any = None, *, case: str | None = None, **options: Any) -> "Table":
        """Classify the run's own objects, or whatever holds observations (`Model.classify`)."""
        from skybind.astropy_tables import to_astropy
        from skybind.runs.classes import case_classes
        from skybind.runs.classify import find_classifier, stored_case

        if data is None and not options:
            _, name = find_classifier(self.folder, case)
            return to_astropy(case_classes(self, stored_case(self.folder, name)).for_people)
        return self.classifier(case, options.get("modalities")).classify(data, **options)

    def embed(self) -> Embeddings:
        """Embed all of the run's objects with its pre-trained model."""
        from skybind.runs.embedding import run_embedding

        return run_embedding(self)

    def predict(self, target: str, data: Any = None, **options: Any) -> "Table":
        """Predict a number for the run's own objects, or for others; see `Model.predict`."""
        from skybind.astropy_tables import to_astropy
        from skybind.evaluation.predict import predict_table
        from skybind.progress import say

        found = predict_table(self, target, data, **options)
        for note in found.notes:
            say(note)
        return to_astropy(found.table)

    def evaluate(self) -> "Metrics":
        """Measure everything on the test objects; gives the content of `metrics.json`."""
        from skybind.evaluation.evaluate import evaluate_run
        from skybind.runs.cases import finished_cases

        return evaluate_run(self, finished_cases(self))

    def search(
        self,
        query: str | Path | Sequence[str | Path],
        to: str | None = None,
        *,
        by: str | None = None,
        k: int = 10,
        **options: Any,
    ) -> "Matches":
        """Find the objects most like an object, or like a new observation in a file.

        Parameters
        ----------
        query : str, Path, or several
            Id of an object, or a file.
        to, by : str, optional
            Modalities to search in, and to search by, joined by '+'.
        k : int
            Matches of each query.
        **options
            Of `skybind.search.search.SearchOptions`: `where`, `contrast`, `columns`, ...
        """
        from skybind.search.search import SearchOptions, search

        queries = [query] if isinstance(query, str | Path) else list(query)
        source, target = (None if text is None else text.split("+") for text in (by, to))
        chosen = SearchOptions(source=source, target=target, k=k, **options)
        found = search(self.folder, queries, chosen)
        return Matches(found, self.dataset)

    def discover(self, options: "DiscoverOptions | None" = None) -> "Discoveries":
        """Find outliers, doubtful labels and periods, parts of classes, and what matters."""
        from skybind.discovery.discover import discover

        return Discoveries(discover(self, options), self.folder)

    def update(self) -> "Updated":
        """Look at what was appended to the dataset since last time; `table()` lists it."""
        from skybind.discovery.update import update_run

        return update_run(Run.open(self.folder, data=self.dataset.path))

    def report(self) -> Path:
        """Write the report, one file that opens offline; gives its path."""
        from skybind.report.from_run import write_report

        if not self.paths.metrics.exists():
            self.evaluate()
        return write_report(self)

    def plot_map(self, color: str | None = None, *, modalities: str | None = None) -> "Figure":
        """Draw the map of the embeddings.

        Parameters
        ----------
        color : str, optional
            A column of the dataset; by default the classes.
        modalities : str, optional
            Whose mean embedding is mapped, joined by '+'; all by default.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from skybind.report.run_map import draw_map

        names = None if modalities is None else tuple(modalities.split("+"))
        return draw_map(self, color, names)

    def _repr_html_(self) -> str:
        facts = {
            "modalities": ", ".join(self.config.modalities),
            "objects": f"{len(self.dataset):,}",
            "classes": ", ".join(self.classes) or "none",
            "done": ", ".join(self.steps) or "nothing yet",
            "folder": str(self.folder),
        }
        return html_facts(f"Run {self.config.name}", facts)


def _subset(labels: float | str) -> str:
    """Name the subset of a share of the labels."""
    if isinstance(labels, str):
        return labels
    if not 0 < labels <= 1:
        raise ConfigError(f"labels is {labels:g}: give a share between 0 and 1, or a subset.")
    return "full" if labels == 1 else f"{100 * labels:g}"
