"""Strange and mislabelled objects of a run: one ranked table, with the reasons in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from skybind.embeddings.make import best_device
from skybind.embeddings.store import Embeddings
from skybind.errors import DataError
from skybind.modalities.source import BatchSource
from skybind.models.saved import SavedModel
from skybind.progress import progress_bar
from skybind.studies.run import Run
from skybind.studies.steps import find_pretrained
from skybind.studies.truth import planted_faults
from skybind.tasks.outliers import (
    COMBINED,
    CentroidOutliers,
    LabelDoubt,
    centroid_outliers,
    detection,
    disagreement,
    isolation,
    label_doubt,
    main_cluster,
    rival_scores,
    suspicion,
    upper_tail,
)
from skybind.tasks.period_doubt import FACTORS, PeriodDoubt, period_doubt

#: A period is called wrong, and a label, in words if more than this says so.
SURE = 0.5
#: A score is given as a reason if fewer than this share of the training objects have such a one.
RARE = 0.01
#: Table on disk, in a run's folder.
FILE = "discover/outliers.parquet"
CHUNK, BATCH = 2048, 512


@dataclass
class OutlierTable:
    """Everything that makes objects suspect, in the order of the dataset.

    Attributes
    ----------
    object_id, part, label : ndarray of str, shape (n,)
        Name, part of the split, class in the catalogue ("" for none).
    classes : list of str
    centroids : CentroidOutliers or None
        Distance from the centroid of the own class; None without classes.
    doubt : LabelDoubt or None
        What the neighbours say of the label.
    periods : PeriodDoubt or None
        What the embeddings say of the catalogue period; None without light curves and periods.
    outside : ndarray of bool, shape (n,)
        Outside the one main cluster of its class.
    isolation, disagreement : dict to ndarray, shape (n,)
        By modality (and all together), by pair of modalities.
    tails : dict of str to ndarray, shape (n,)
        Of every score: the share of training objects that are at least as strange.
    suspicion : ndarray, shape (n,)
        All of them together; the table is ranked by it.
    reasons : list of str
        In words; "" where nothing is rare.
    """

    object_id: np.ndarray
    part: np.ndarray
    label: np.ndarray
    classes: list[str]
    centroids: CentroidOutliers | None
    doubt: LabelDoubt | None
    periods: PeriodDoubt | None
    outside: np.ndarray
    isolation: dict[str, np.ndarray]
    disagreement: dict[tuple[str, str], np.ndarray]
    tails: dict[str, np.ndarray] = field(default_factory=dict)
    suspicion: np.ndarray = field(default_factory=lambda: np.zeros(0))
    reasons: list[str] = field(default_factory=list)

    @property
    def ranking(self) -> np.ndarray:
        """Rows, the most suspect object first."""
        return np.argsort(-self.suspicion, kind="stable")

    def suggested(self) -> np.ndarray:
        """Class that the neighbours suggest where they doubt the label; "" elsewhere."""
        if self.doubt is None:
            return np.full(len(self.object_id), "", dtype=object)
        sure = np.nan_to_num(self.doubt.doubt, nan=-1.0) > 0
        names = np.asarray([*self.classes, ""], dtype=object)[self.doubt.suggested]
        return np.where(sure, names, "")

    def to_arrow(self) -> pa.Table:
        """Give the table, the most suspect object first."""
        order = self.ranking
        columns: dict[str, Any] = {
            "rank": np.arange(1, len(order) + 1),
            "object_id": self.object_id[order],
            "split": self.part[order],
            "label": self.label[order],
            "suspicion": self.suspicion[order],
            "reasons": [self.reasons[row] for row in order],
            "suggested_label": self.suggested()[order].tolist(),
            "outside_main_cluster": self.outside[order],
        }
        if self.doubt is not None:
            columns["label_doubt"] = self.doubt.doubt[order]
        if self.centroids is not None:
            columns["modalities_far_from_centroid"] = self.centroids.n_flagged[order]
            for column, name in enumerate(self.centroids.modalities):
                columns[f"centroid_distance_{name}"] = self.centroids.distance[order, column]
        if self.periods is not None:
            columns["period_doubt"] = self.periods.doubt[order]
            columns["period_factor"] = self.periods.factor[order]
        for name, values in self.isolation.items():
            columns[f"isolation_{name}"] = values[order]
        for (a, b), values in self.disagreement.items():
            columns[f"disagreement_{a}_{b}"] = values[order]
        return pa.table({k: pa.array(v, from_pandas=True) for k, v in columns.items()})


def find_outliers(
    run: Run, embeddings: Embeddings, *, percentile: float = 99.0, neighbours: int = 16
) -> OutlierTable:
    """Score every object of a run: its label, its period, and its place in the embedding.

    Parameters
    ----------
    run : Run
        Pre-trained.
    embeddings : Embeddings
        Of all of the run's objects, in the dataset's order.
    percentile : float
        Of the distances from a class's centroid, beyond which an object is flagged.
    neighbours : int
        Neighbours that vote on a label.
    """
    vectors, present = with_combined(embeddings)
    reference, labels = run.rows("train"), run.labels
    if not len(reference):
        raise DataError(f"The run in {run.folder} has no training objects to compare with.")
    classes = run.classes
    table = OutlierTable(
        object_id=embeddings.object_id,
        part=embeddings.split,
        label=run.class_names,
        classes=classes,
        centroids=centroid_outliers(vectors, present, labels, reference, len(classes), percentile)
        if classes
        else None,
        doubt=label_doubt(
            vectors[COMBINED], present[COMBINED], labels, reference, len(classes), neighbours
        )
        if classes and (labels[reference] >= 0).any()
        else None,
        periods=doubt_periods(run, embeddings),
        outside=_outside_main_clusters(vectors[COMBINED], present[COMBINED], labels, run),
        isolation={name: isolation(vectors[name], present[name], reference) for name in vectors},
        disagreement=disagreement(embeddings.vectors, embeddings.present, reference),
    )
    table.tails = _tails(table, labels, reference)
    table.suspicion = suspicion(list(table.tails.values()))
    table.reasons = [_reasons(table, row) for row in range(len(labels))]
    return table


def with_combined(
    embeddings: Embeddings,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Vectors and presence of every modality and, of several, of all together."""
    vectors, present = dict(embeddings.vectors), dict(embeddings.present)
    vectors[COMBINED], present[COMBINED] = embeddings.combined(), embeddings.any_present()
    return vectors, present


def doubt_periods(run: Run, embeddings: Embeddings) -> PeriodDoubt | None:
    """Judge the catalogue periods, if the model folds light curves by one; see `period_doubt`."""
    saved = find_pretrained(run.folder, run.dataset.schema)
    name = _folding_modality(saved)
    if name is None:
        return None
    column = saved.modalities[name].options.period
    period = run.dataset.numbers(column)
    usable = embeddings.present[name] & np.isfinite(period) & (period > 0)
    teachers = run.rows("train")
    if usable[teachers].sum() < 50:
        return None
    folded = {1.0: embeddings.vectors[name]}
    for factor in FACTORS:
        if factor != 1.0:
            folded[factor] = refold(run, saved, name, factor)
    rest = [other for other in embeddings.modalities if other != name]
    others = None
    if rest:
        seen = embeddings.any_present(rest)
        others = np.where(seen[:, None], embeddings.combined(rest), np.nan)
    return period_doubt(folded, others, usable, teachers, seed=run.config.seed)


def refold(run: Run, saved: SavedModel, name: str, factor: float) -> np.ndarray:
    """Embed the light curves at `factor` times their catalogue periods, shape (n, D)."""
    modality = saved.modalities[name]
    column = modality.options.period
    pieces = []
    done = 0
    title = f"folding at {factor:g} times the period"
    with progress_bar(title, len(run.dataset), run.show) as report:
        for table in run.dataset.iter_tables(modality.columns, CHUNK):
            place = table.schema.get_field_index(column)
            period = np.asarray(table[column].cast(pa.float64()).to_numpy(zero_copy_only=False))
            changed = table.set_column(place, column, pa.array(period * factor, from_pandas=True))
            source = BatchSource({name: modality}, {name: modality.prepare(changed)})
            pieces.append(_embed(saved, source, name))
            done += len(source)
            report(done)
    return np.concatenate(pieces)


def detection_scores(run: Run, embeddings: Embeddings, table: OutlierTable) -> list[dict[str, Any]]:
    """How well each score finds each kind that was planted, beside what others would do.

    Ours are the scores of the table; the rivals are isolation forest and local outlier factor on
    the same vectors: the mean embedding, all embeddings side by side, and one modality's alone.

    Returns
    -------
    list of dict
        `detection` of docs/metrics.md; empty if nothing was planted.
    """
    rows = np.arange(len(run.dataset))
    kinds = planted_faults(run.dataset, rows)
    if not kinds:
        return []
    scores = {("skybind", name): -np.log10(tail) for name, tail in table.tails.items()}
    scores["skybind", "suspicion"] = table.suspicion
    reference = run.rows("train")
    vectors, present = with_combined(embeddings)
    vectors["side by side"] = np.concatenate(list(embeddings.vectors.values()), axis=1)
    present["side by side"] = present[COMBINED]
    for name, values in vectors.items():
        seen = np.flatnonzero(present[name])
        inside = np.flatnonzero(np.isin(seen, reference))
        for rival, score in rival_scores(values[seen], inside, run.config.seed).items():
            whole = np.full(len(rows), np.nan)
            whole[seen] = score
            scores[rival, name] = whole
    records = []
    for kind, planted in kinds.items():
        # a wrong label can only be found where there is a label in use
        among = run.labels >= 0 if "label" in kind and run.classes else np.ones(len(rows), bool)
        for (method, name), score in scores.items():
            found = detection(score[among], planted[among])
            if found.n_planted:
                records.append(
                    {
                        "kind": kind,
                        "method": method,
                        "score": name,
                        "share": found.n_planted / found.n,
                        **found.to_dict(),
                    }
                )
    return records


def best_detections(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each kind the best score of ours and the best of each rival, by average precision."""
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for record in records:
        if record["average_precision"] is None:
            continue
        key = (record["kind"], record["method"])
        if key not in best or record["average_precision"] > best[key]["average_precision"]:
            best[key] = dict(record)
    return list(best.values())


def _folding_modality(saved: SavedModel) -> str | None:
    """Name of the modality whose embedding depends on a catalogue period."""
    for name, modality in saved.modalities.items():
        period = getattr(modality.options, "period", None)
        if period is not None and period in modality.columns:
            return name
    return None


@torch.inference_mode()
def _embed(saved: SavedModel, source: BatchSource, name: str) -> np.ndarray:
    """Embed all of a source in one modality, shape (n, D)."""
    device = best_device()
    binder = saved.binder.to(device).eval()
    vectors = np.zeros((len(source), binder.dimension), np.float32)
    for start in range(0, len(source), BATCH):
        rows = np.arange(start, min(start + BATCH, len(source)))
        batch = source.batch(rows).to(device)
        vectors[rows] = binder.embed(batch, [name])[name].float().cpu().numpy()
    return vectors


def _outside_main_clusters(
    vectors: np.ndarray, present: np.ndarray, labels: np.ndarray, run: Run
) -> np.ndarray:
    outside = np.zeros(len(labels), bool)
    for code in range(len(run.classes)):
        members = np.flatnonzero((labels == code) & present)
        outside[members] = main_cluster(vectors[members], seed=run.config.seed).outside
    return outside


def _tails(table: OutlierTable, labels: np.ndarray, reference: np.ndarray) -> dict[str, np.ndarray]:
    """Turn every score into the share of training objects that are at least as strange."""
    tails: dict[str, np.ndarray] = {}
    if table.centroids is not None:
        for column, name in enumerate(table.centroids.modalities):
            tail = np.full(len(labels), np.nan)
            distance = table.centroids.distance[:, column]
            for code in range(len(table.classes)):
                members = labels == code
                own = reference[members[reference]]
                if len(own):
                    tail[members] = upper_tail(distance, own)[members]
            tails[f"centroid {name}"] = tail
    if table.doubt is not None:
        tails["label"] = upper_tail(table.doubt.doubt, reference)
    if table.periods is not None:
        tails["period"] = upper_tail(table.periods.doubt, reference)
    for name, values in table.isolation.items():
        tails[f"isolation {name}"] = upper_tail(values, reference)
    for (a, b), values in table.disagreement.items():
        tails[f"disagreement {a}-{b}"] = upper_tail(values, reference)
    return tails


def _reasons(table: OutlierTable, row: int) -> str:
    """Say in words what is strange about one object."""
    said = []
    label = table.label[row]
    if table.doubt is not None and table.doubt.doubt[row] > 0:
        suggested = table.classes[int(table.doubt.suggested[row])]
        if table.doubt.support[row] > SURE:
            share = 100 * table.doubt.support[row]
            said.append(
                f"labelled {label}, but {share:.0f} % of the neighbours' votes say {suggested}"
            )
    if table.periods is not None and table.periods.doubt[row] > SURE:
        factor = table.periods.factor[row]
        words = {2.0: "half the true one", 0.5: "twice the true one"}.get(float(factor))
        if words:
            said.append(f"the catalogue period looks like {words}")
    if table.centroids is not None and table.centroids.flagged[row].any():
        far = [
            name
            for name, f in zip(
                table.centroids.modalities, table.centroids.flagged[row], strict=True
            )
            if f and name != COMBINED
        ]
        if far:
            said.append(f"far from other {label} in {_and(far)}")
    if table.outside[row]:
        said.append(f"outside the main cluster of {label}")
    alone = [
        name
        for name in table.isolation
        if name != COMBINED and table.tails[f"isolation {name}"][row] < RARE
    ]
    if alone:
        said.append(f"unlike any other object in {_and(alone)}")
    for a, b in table.disagreement:
        tail = table.tails[f"disagreement {a}-{b}"][row]
        if tail < RARE:
            said.append(f"{a} and {b} do not fit together (1 in {1 / tail:.0f})")
    return "; ".join(said)


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
