"""The parts of a run's classes, and where classes that it was never trained on belong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.quantities import quantity_of
from skybind.discovery.measures.density import loneliness
from skybind.discovery.measures.outliers import COMBINED, upper_tail
from skybind.discovery.measures.structure import (
    FEWEST,
    Landing,
    SubClusters,
    adjusted,
    landings,
    sub_clusters,
)
from skybind.discovery.records import ClassParts
from skybind.discovery.reference import reference_rows, with_combined
from skybind.discovery.scores import all_doubts, all_votes
from skybind.embeddings.store import Embeddings
from skybind.evaluation.clusters import describing_columns
from skybind.evaluation.truth import truth_traits
from skybind.measures.clusters import Distinction, distinctions
from skybind.progress import progress_bar
from skybind.runs.run import Run

#: An object whose label is doubted more than this is left out of its class.
DOUBTED = 0.5


#: Objects of which the signal to noise ratio is read at once.
CHUNK = 2048


@dataclass(frozen=True)
class ClassStructure:
    """The parts of one class.

    Attributes
    ----------
    name : str
        The class.
    modality : str
        Whose embeddings were divided; `all`: the mean of all.
    rows : ndarray of int, shape (n,)
        Its objects, without those whose label the neighbours doubt: places in the dataset.
    n_doubted : int
        How many of these were left out.
    parts : SubClusters
    columns : list of list of Distinction
        For each part: what sets it apart from the others.
    truth : dict of str to float
        Adjusted Rand index against each column of a truth table that divides the class.
    observed : str or None
        What of the observations sets the parts apart, where nothing of the objects does more.
    """

    name: str
    modality: str
    rows: np.ndarray
    n_doubted: int
    parts: SubClusters
    columns: list[list[Distinction]]
    truth: dict[str, float]
    observed: str | None = None

    @property
    def record(self) -> ClassParts:
        """What is told of it."""
        return ClassParts(
            **dict(self.parts.parts),
            name=self.name,
            modality=self.modality,
            n=len(self.rows),
            n_doubted=self.n_doubted,
            columns=self.columns,
            adjusted_rand_index=self.truth,
            observed=self.observed,
        )


def class_structures(
    run: Run,
    embeddings: Embeddings,
    *,
    modalities: tuple[str, ...] = (COMBINED,),
    permutations: int = 99,
    classes: Sequence[str] = (),
) -> list[ClassStructure]:
    """Divide every class of a run into parts.

    Objects whose label is doubted are left out, and what the quality of the observations
    explains is taken out of the embeddings, class by class.

    Parameters
    ----------
    run : Run
        Pre-trained.
    embeddings : Embeddings
        Of all of the run's objects, in the dataset's order.
    modalities : tuple of str
        Whose embeddings to divide; `all` is the mean of all.
    permutations : int
        Permuted classes of the test.
    classes : sequence of str
        Divide only these; all by default.
    """
    if not run.classes:
        return []
    vectors, present = with_combined(embeddings)
    judged = all_doubts(run, embeddings)
    doubt = np.full(len(run.labels), np.nan) if judged is None else judged.doubt
    quality = observation_quality(run.dataset)
    found = []
    asked = [
        (modality, code, name)
        for modality in modalities
        for code, name in enumerate(run.classes)
        if not classes or name in classes
    ]
    with progress_bar("dividing", len(asked), "classes") as report:
        for number, (modality, code, name) in enumerate(asked):
            report(number)
            members = np.flatnonzero((run.labels == code) & present[modality])
            rows = members[~(doubt[members] > DOUBTED)]
            if len(rows) < FEWEST:
                continue
            clean = adjusted(vectors[modality][rows], quality[rows])
            parts = sub_clusters(clean, permutations=permutations, seed=run.config.seed)
            told = _columns(run.dataset, rows, parts.label)
            truth = _agreement(run.dataset, rows, parts.label)
            left_out = len(members) - len(rows)
            observed = _of_observations(run.dataset, rows, parts.label, quality[rows], told)
            found.append(
                ClassStructure(name, modality, rows, left_out, parts, told, truth, observed)
            )
    return found


def observation_quality(dataset: Dataset) -> np.ndarray:
    """Describe the observations, not the objects, shape (n, F).

    Of every struct column that has uncertainties: the base-10 logarithm of the median signal to
    noise ratio; of those whose lengths differ: that of the number of epochs or pixels. NaN where
    not observed.
    """
    columns = []
    for name in dataset.schema.observations:
        length = dataset.lengths(name).astype(float)
        seen = length > 0
        if seen.any() and len(np.unique(length[seen])) > 1:
            columns.append(np.where(seen, np.log10(np.maximum(length, 1)), np.nan))
        ratio = _signal_to_noise(dataset, name)
        if ratio is not None:
            columns.append(ratio)
    return np.stack(columns, axis=1) if columns else np.zeros((len(dataset), 0))


def new_class_landings(run: Run, embeddings: Embeddings) -> list[Landing]:
    """Say where the classes that are not in use land; empty if there are none."""
    if not run.classes or run.config.labels.column not in run.dataset.schema.columns:
        return []
    every = run.dataset.labels(run.config.labels.column)
    new = np.where(np.isin(every, run.classes), "", every)
    if not (new != "").any():
        return []
    reference = reference_rows(run)
    library = reference[run.labels[reference] >= 0]
    needed = new != ""
    needed[library] = True
    vectors, present = embeddings.mean(), embeddings.any_present() & needed
    votes = all_votes(run, embeddings)
    tail = upper_tail(loneliness(vectors, present, library).isolation, library)
    return landings(new, votes, tail, run.classes)


def _signal_to_noise(dataset: Dataset, name: str) -> np.ndarray | None:
    """Logarithm of each object's median signal to noise ratio; None without uncertainties."""
    pieces = []
    for start in range(0, len(dataset), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(dataset)))
        ragged = dataset.ragged(name, rows)
        ratio = _ratio(ragged.fields)
        if ratio is None:
            return None
        result = np.full(len(rows), np.nan)
        ratio = np.where(np.isfinite(ratio) & (ratio > 0), ratio, np.nan)
        order = np.lexsort((ratio, ragged.owner))  # NaN last within each object
        count = np.bincount(ragged.owner, np.isfinite(ratio), len(rows)).astype(int)
        some = count > 0
        middle = ragged.offsets[:-1][some] + count[some] // 2
        result[some] = np.log10(ratio[order][middle])
        pieces.append(result)
    return np.concatenate(pieces)


def _ratio(fields: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Signal to noise ratio of every epoch or pixel."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if "flux" in fields and "flux_err" in fields:
            return np.abs(fields["flux"]) / fields["flux_err"]
        if "flux" in fields and "ivar" in fields:
            return np.abs(fields["flux"]) * np.sqrt(np.maximum(fields["ivar"], 0))
        if "magnitude_err" in fields:
            return 1 / np.asarray(fields["magnitude_err"], dtype=float)
    return None


def _columns(dataset: Dataset, rows: np.ndarray, label: np.ndarray) -> list[list[Distinction]]:
    columns = describing_columns(dataset, rows)
    return [distinctions(label == part, columns) for part in range(int(label.max()) + 1)]


def _of_observations(
    dataset: Dataset,
    rows: np.ndarray,
    label: np.ndarray,
    quality: np.ndarray,
    told: Sequence[Sequence[Distinction]],
) -> str | None:
    """Name what of the observations sets the parts apart, if nothing of the objects does more."""
    columns = dataset.schema.columns
    kinds = {
        name: quantity_of(name, column)
        for name, column in columns.items()
        if name in dataset.flat_columns
    }
    flat = [name for name, kind in kinds.items() if kind in ("magnitude", "uncertainty")]
    values = {name: dataset.numbers(name)[rows] for name in flat}
    for place, column in enumerate(quality.T):
        values[f"signal to noise or length of the observations ({place + 1})"] = column
    found = [
        entry
        for part in range(int(label.max()) + 1)
        for entry in distinctions(label == part, values, top=1)
    ]
    best = max(found, key=lambda entry: abs(entry.effect), default=None)
    if best is None:
        return None
    of_objects = [abs(e.effect) for part in told for e in part if e.column not in values]
    return best.column if abs(best.effect) >= max(of_objects, default=0.0) else None


def _agreement(dataset: Dataset, rows: np.ndarray, label: np.ndarray) -> dict[str, float]:
    """Adjusted Rand index against every column of the truth that divides these objects."""
    from sklearn.metrics import adjusted_rand_score

    found = {}
    for name, values in truth_traits(dataset, rows).items():
        known = values != ""
        if known.sum() >= FEWEST and len(np.unique(values[known])) > 1:
            found[name] = float(adjusted_rand_score(values[known], label[known]))
    return found
