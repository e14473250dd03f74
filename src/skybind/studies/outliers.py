"""Strange and mislabelled objects of a run: one ranked table, with the reasons in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.embeddings.store import Embeddings
from skybind.errors import DataError
from skybind.studies.periods import doubt_periods
from skybind.studies.reasons import SIGMAS, SURE_PERIOD, reasons
from skybind.studies.run import Run
from skybind.studies.targets import targets_of
from skybind.studies.truth import planted_faults
from skybind.tasks.density import WholeClusters, density_ratio, mahalanobis, whole_clusters
from skybind.tasks.detection import detection, rival_scores
from skybind.tasks.outliers import (
    COMBINED,
    CentroidOutliers,
    LabelDoubt,
    centroid_outliers,
    disagreement,
    isolation,
    label_doubt,
    main_cluster,
    suspicion,
    upper_tail,
)
from skybind.tasks.period_doubt import PeriodDoubt
from skybind.tasks.target_doubt import TargetDoubt, target_doubt

#: All planted faults together, as one kind to be found.
ANY = "any fault"
#: Objects of a class that is not in use: they should be found without their label.
NEW = "class not in use"
#: Scores that all say how lonely an object is.
LONELY = ("isolation", "density", "distance")


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
    targets : list of (TargetDoubt, ndarray)
        What the neighbours say of each number of the catalogue that can be predicted, and the
        catalogue's numbers.
    outside : ndarray of bool, shape (n,)
        Outside the one main cluster of its class.
    whole : WholeClusters
        Clusters of all objects together.
    isolation, density, distance, disagreement : dict to ndarray, shape (n,)
        How lonely (`isolation`, `density_ratio`, `mahalanobis`), by modality and all together;
        how little two modalities agree, by pair.
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
    targets: list[tuple[TargetDoubt, np.ndarray]]
    outside: np.ndarray
    whole: WholeClusters
    isolation: dict[str, np.ndarray]
    density: dict[str, np.ndarray]
    distance: dict[str, np.ndarray]
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

    def flags(self) -> dict[str, np.ndarray]:
        """Which objects are flagged by what, each shape (n,)."""
        flags = {
            "outside the main cluster of its class": self.outside,
            "in no cluster of the whole survey": self.whole.alone,
            "in a small group apart": self.whole.small,
        }
        if self.doubt is not None:
            flags["label doubted"] = np.nan_to_num(self.doubt.doubt, nan=-1.0) > 0
        if self.centroids is not None:
            for least in (1, 2):
                several = self.centroids.flagged[:, :-1].sum(axis=1) >= least
                flags[f"far from the centroid in {least} or more modalities"] = several
        if self.periods is not None:
            flags["period doubted"] = np.nan_to_num(self.periods.doubt) > SURE_PERIOD
        for target, _ in self.targets:
            flags[f"{target.name} doubted"] = np.nan_to_num(target.doubt) > SIGMAS
        return flags

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
            "in_no_cluster": self.whole.alone[order],
            "in_small_group": self.whole.small[order],
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
        for target, _ in self.targets:
            columns[f"{target.name}_expected"] = target.expected[order]
            columns[f"{target.name}_spread"] = target.spread[order]
            columns[f"{target.name}_doubt"] = target.doubt[order]
        for name, values in self.isolation.items():
            columns[f"isolation_{name}"] = values[order]
        for name, values in self.density.items():
            columns[f"density_{name}"] = values[order]
        for name, values in self.distance.items():
            columns[f"distance_{name}"] = values[order]
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
        targets=[
            (
                target_doubt(
                    target.name,
                    target.values,
                    vectors,
                    present,
                    reference,
                    redshift=target.redshift,
                    neighbours=neighbours,
                ),
                target.values,
            )
            for target in targets_of(run.dataset, run.config.evaluation.targets)
        ],
        outside=_outside_main_clusters(vectors[COMBINED], present[COMBINED], labels, run),
        whole=whole_clusters(vectors[COMBINED], present[COMBINED], reference, seed=run.config.seed),
        isolation={name: isolation(vectors[name], present[name], reference) for name in vectors},
        density={name: density_ratio(vectors[name], present[name], reference) for name in vectors},
        distance={name: mahalanobis(vectors[name], present[name], reference) for name in vectors},
        disagreement=disagreement(embeddings.vectors, embeddings.present, reference),
    )
    table.tails = _tails(table, labels, reference)
    table.suspicion = suspicion(_evidence(table.tails))
    table.reasons = [reasons(table, row) for row in range(len(labels))]
    return table


def with_combined(
    embeddings: Embeddings,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Vectors and presence of every modality and, of several, of all together."""
    vectors, present = dict(embeddings.vectors), dict(embeddings.present)
    vectors[COMBINED], present[COMBINED] = embeddings.combined(), embeddings.any_present()
    return vectors, present


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
    kinds[ANY] = np.logical_or.reduce(list(kinds.values()))
    if run.classes:
        every = run.dataset.labels(run.config.labels.column)
        kinds[NEW] = (every != "") & (run.labels < 0)
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
    """Of each kind: the score made for it, our best one, and the best of each rival.

    The first is fixed beforehand (`designated`); the others are chosen by average precision.
    """
    chosen: dict[tuple[str, str], dict[str, Any]] = {}
    for record in records:
        if record["average_precision"] is None:
            continue
        designated = record["method"] == "skybind" and record["score"] == _made_for(record["kind"])
        entry = {**record, "designated": designated}
        keys = [(record["kind"], record["method"])]
        if designated:
            keys.append((record["kind"], "designated"))
        for key in keys:
            if key not in chosen or entry["average_precision"] > chosen[key]["average_precision"]:
                chosen[key] = entry
    unique = {(e["kind"], e["method"], e["score"]): e for e in chosen.values()}
    order = list(dict.fromkeys(record["kind"] for record in records))
    return sorted(
        unique.values(),
        key=lambda e: (order.index(e["kind"]), e["method"] != "skybind", not e["designated"]),
    )


def _made_for(kind: str) -> str:
    """The score that should find a kind of fault, by its name."""
    name = kind.split(":")[0]
    if name in ("wrong_label", "wrong_period"):
        return name.removeprefix("wrong_")
    if name.endswith("_fault") and name != "spectrum_fault":
        return f"target {name.removesuffix('_fault')}"
    return "suspicion"


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
    for target, _ in table.targets:
        tails[f"target {target.name}"] = target.tail
    for kind in LONELY:
        for name, values in getattr(table, kind).items():
            tails[f"{kind} {name}"] = upper_tail(values, reference)
    for (a, b), values in table.disagreement.items():
        tails[f"disagreement {a}-{b}"] = upper_tail(values, reference)
    return tails


def _evidence(tails: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """One tail a kind of evidence: the smallest of its scores, times how many there are."""
    kinds: dict[str, list[np.ndarray]] = {}
    for name, tail in tails.items():
        kind = name.split(" ")[0]
        kinds.setdefault(LONELY[0] if kind in LONELY else kind, []).append(tail)
    joined = []
    for several in kinds.values():
        known = np.stack([np.where(np.isfinite(tail), tail, np.inf) for tail in several])
        number = np.isfinite(known).sum(axis=0)
        least = np.minimum(known.min(axis=0) * np.maximum(number, 1), 1.0)
        joined.append(np.where(number > 0, least, np.nan))
    return joined
