"""Strange and mislabelled objects of a run: one ranked table, with the reasons in words."""

from collections.abc import Mapping, Sequence

import numpy as np

from skybind.discovery.measures.density import mahalanobis, whole_clusters
from skybind.discovery.measures.detection import better_than, detection, rival_scores
from skybind.discovery.measures.outliers import (
    COMBINED,
    centroid_outliers,
    disagreement,
    main_cluster,
    suspicion,
    upper_tail,
)
from skybind.discovery.measures.period_doubt import FACTORS
from skybind.discovery.measures.target_doubt import TargetDoubt, judge_target
from skybind.discovery.periods import doubt_periods, find_folding
from skybind.discovery.reasons import reasons
from skybind.discovery.records import DetectionResult
from skybind.discovery.reference import reference_rows, with_combined
from skybind.discovery.scores import (
    Scores,
    all_doubts,
    density,
    isolation,
    medians,
    neighbour_scores,
    typical,
)
from skybind.discovery.table import OutlierTable
from skybind.embeddings.store import Embeddings
from skybind.errors import DataError
from skybind.evaluation.targets import targets_of
from skybind.evaluation.truth import planted_faults
from skybind.runs.run import Run

#: All planted faults together, as one kind to be found.
ANY = "any fault"


#: Objects of a class that is not in use: they should be found without their label.
NEW = "class not in use"


#: Scores that all say how lonely an object is.
LONELY = ("isolation", "density", "distance")


def find_outliers(run: Run, embeddings: Embeddings, *, percentile: float = 99.0) -> OutlierTable:
    """Score every object of a run: its label, its period, and its place in the embedding.

    What the neighbours say is read where shards were put together, or computed now.

    Parameters
    ----------
    run : Run
        Pre-trained.
    embeddings : Embeddings
        Of all of the run's objects, in the dataset's order.
    percentile : float
        Of the distances from a class's centroid, beyond which an object is flagged.
    """
    vectors, present = with_combined(embeddings)
    reference, labels = reference_rows(run), run.labels
    if not len(reference):
        raise DataError(f"The run in {run.folder} has no training objects to compare with.")
    classes = run.classes
    scores = neighbour_scores(run, embeddings)
    folding = find_folding(run, embeddings)
    typicalities = {factor: scores[typical(factor)] for factor in FACTORS if folding is not None}
    table = OutlierTable(
        object_id=embeddings.object_id,
        part=embeddings.split,
        label=run.class_names,
        classes=classes,
        centroids=centroid_outliers(vectors, present, labels, reference, len(classes), percentile)
        if classes
        else None,
        doubt=all_doubts(run, embeddings),
        periods=None if folding is None else doubt_periods(run, embeddings, folding, typicalities),
        targets=_doubted_targets(run, list(vectors), scores, reference),
        outside=_outside_main_clusters(vectors[COMBINED], present[COMBINED], labels, run),
        whole=whole_clusters(vectors[COMBINED], present[COMBINED], reference, seed=run.config.seed),
        isolation={name: scores[isolation(name)] for name in vectors},
        density={name: scores[density(name)] for name in vectors},
        distance={name: mahalanobis(vectors[name], present[name], reference) for name in vectors},
        disagreement=disagreement(embeddings.vectors, embeddings.present, reference),
    )
    table.tails = _tails(table, labels, reference)
    table.suspicion = suspicion(_evidence(table.tails))
    table.reasons = [reasons(table, row) for row in range(len(labels))]
    return table


def _doubted_targets(
    run: Run, modalities: Sequence[str], scores: Scores, reference: np.ndarray
) -> list[tuple[TargetDoubt, np.ndarray]]:
    """Return, of each target of the run, how doubtful its values are, and these."""
    found = []
    for target in targets_of(run.dataset, run.config.evaluation.targets):
        named = {name: medians(target.name, name) for name in modalities}
        known = {name: scores[column] for name, column in named.items() if column in scores}
        doubt = judge_target(target.name, target.values, known, reference, redshift=target.redshift)
        found.append((doubt, target.values))
    return found


def detection_scores(
    run: Run, embeddings: Embeddings, table: OutlierTable
) -> list[DetectionResult]:
    """How well each score finds each kind that was planted, beside what others would do.

    Ours are the scores of the table; the rivals are isolation forest and local outlier factor on
    the same vectors: the mean embedding, all embeddings side by side, and one modality's alone.

    Returns
    -------
    list of DetectionResult
        Empty if nothing was planted.
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
    records: list[DetectionResult] = []
    for kind, planted in kinds.items():
        own: list[DetectionResult] = []
        # a wrong label can only be found where there is a label in use
        among = run.labels >= 0 if "label" in kind and run.classes else np.ones(len(rows), bool)
        for (method, name), score in scores.items():
            found = detection(score[among], planted[among])
            if found.n_planted:
                own.append(
                    DetectionResult(
                        **dict(found),
                        kind=kind,
                        method=method,
                        score=name,
                        share=found.n_planted / found.n,
                    )
                )
        rated = {name: score[among] for name, score in scores.items()}
        records += mark_best(own, rated, planted[among], run.config.seed)
    return records


def mark_best(
    records: Sequence[DetectionResult],
    scores: Mapping[tuple[str, str], np.ndarray],
    planted: np.ndarray,
    seed: int,
) -> list[DetectionResult]:
    """Mark, of one kind, the score made for it where it is significantly better than all methods'.

    What was chosen with the truth in hand was chosen for being good: that it is proves nothing.
    """
    chosen = best_detections(records)
    best = {}
    for entry in chosen:
        if not entry.designated:
            continue
        others = [scores[one.method, one.score] for one in chosen if one.method != entry.method]
        key = (entry.method, entry.score)
        best[key] = bool(others) and better_than(scores[key], others, planted, seed)
    return [
        entry.model_copy(update={"best": best.get((entry.method, entry.score), False)})
        for entry in records
    ]


def best_detections(records: Sequence[DetectionResult]) -> list[DetectionResult]:
    """Of each kind: the score made for it, our best one, and the best of each rival.

    The first is fixed beforehand (`designated`); the others are chosen by average precision.
    """
    chosen: dict[tuple[str, str], DetectionResult] = {}
    for record in records:
        if np.isnan(record.average_precision):
            continue
        designated = record.method == "skybind" and record.score == _made_for(record.kind)
        entry = record.model_copy(update={"designated": designated})
        keys = [(record.kind, record.method)]
        if designated:
            keys.append((record.kind, "designated"))
        for key in keys:
            if key not in chosen or entry.average_precision > chosen[key].average_precision:
                chosen[key] = entry
    unique = {(e.kind, e.method, e.score): e for e in chosen.values()}
    order = list(dict.fromkeys(record.kind for record in records))
    return sorted(
        unique.values(),
        key=lambda e: (order.index(e.kind), e.method != "skybind", not e.designated),
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
