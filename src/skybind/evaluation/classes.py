"""What classifiers and neighbours reach on the test objects."""

from collections.abc import Iterable, Mapping

import numpy as np

from skybind.config.subsets import FULL
from skybind.embeddings.store import Embeddings
from skybind.evaluation.records import (
    BaselineResult,
    CalibrationResult,
    CaseResult,
    Importance,
    NeighbourResult,
    SubsetTest,
)
from skybind.evaluation.samples import asked_rows, taught_rows
from skybind.evaluation.statistics import best_features, modality_sets, statistics_alone
from skybind.measures.baselines import boosting_accuracy, forest_accuracy
from skybind.measures.calibration import calibration_error, softmax
from skybind.measures.classification import classification_metrics
from skybind.measures.importance import all_combinations, modality_table
from skybind.measures.neighbours import knn_predict
from skybind.progress import step
from skybind.runs.cases import Case, case_result
from skybind.runs.classes import CaseClasses, case_classes, case_reliability, open_case
from skybind.runs.measured import refuse_measuring, refuse_measuring_case
from skybind.runs.run import Run


def evaluate_case(run: Run, case: Case) -> CaseResult:
    """Test one classifier on the test objects; also on the test objects of its subset.

    Raises
    ------
    LeakError
        If the classifier was trained on objects that it would be tested on.
    """
    found, rows = case_classes(run, case), _labelled_test_rows(run)
    refuse_measuring_case(run, run.paths.case(case.name).model, rows)
    logits = found.logits()[rows]
    known = np.isfinite(logits).all(axis=1)
    rows, predicted = rows[known], logits[known].argmax(1)
    result = classification_metrics(run.labels[rows], predicted, found.classes)
    return CaseResult(
        **dict(result),
        modalities=case.modalities,
        subset=case.subset,
        pretrained=case.start == "pretrained",
        frozen=case.frozen,
        seed=run.config.seed,
        n_train=case_result(run, case).n_train,
        calibration=_calibration(run, case, found, rows),
        subset_test=_subset_test(run, case, rows, predicted),
    )


def _subset_test(
    run: Run, case: Case, rows: np.ndarray, predicted: np.ndarray
) -> SubsetTest | None:
    """Compare on the test objects of the case's subset, if it has any."""
    if case.subset == FULL:
        return None
    inside = np.isin(rows, run.rows("test", case.subset))
    if not inside.any():
        return None
    right = run.labels[rows[inside]] == predicted[inside]
    return SubsetTest(n=len(right), accuracy=right.mean())


def predict_case(run: Run, case: Case, rows: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Compute logits of some objects by one of the run's classifiers, and name its classes."""
    saved = open_case(run, case)
    refuse_measuring(run, saved, rows[run.split.part[rows] == "test"])
    return saved.logits(run.source, rows), saved.classes


@step("importance of the modalities")
def importance(run: Run, case: Case, subset: str = FULL) -> Importance | None:
    """Class-wise accuracy of one classifier given every set of its modalities.

    Parameters
    ----------
    run : Run
    case : Case
    subset : str
        Whose test objects: of all, or of a subset of the labels, as in the AstroM3 paper.
    """
    found, rows = case_classes(run, case), _labelled_test_rows(run)
    rows = rows[np.isin(rows, run.rows("test", subset))]
    predictions = {}
    for names in all_combinations(case.modalities):
        logits = found.logits(names)[rows]
        known = np.isfinite(logits).all(axis=1)
        predictions[names] = np.where(known, np.nan_to_num(logits).argmax(1), -1)
    usable = np.logical_and.reduce([p >= 0 for p in predictions.values()])
    if not usable.any():
        return None
    table = modality_table(predictions, run.labels[rows], found.classes)
    return Importance(**dict(table), case=case.name)


@step("classes by neighbours")
def neighbour_accuracy(run: Run, embeddings: Embeddings) -> list[NeighbourResult]:
    """k-NN accuracy in the pre-trained space (no fine-tuning), for each modality and all."""
    records = []
    for names in modality_sets(embeddings.modalities):
        seen = embeddings.any_present(names) & (run.labels >= 0)
        train, test = run.rows("train"), run.rows("test")
        train, test = train[seen[train]], asked_rows(run, test[seen[test]])
        if not len(train) or not len(test):
            continue
        vectors = embeddings.mean(names)
        predicted = knn_predict(
            vectors[train], run.labels[train], vectors[test], run.config.evaluation.neighbours
        )
        result = classification_metrics(run.labels[test], predicted, run.classes)
        records.append(
            NeighbourResult(
                **dict(result),
                modalities=names,
                k=run.config.evaluation.neighbours,
                seed=run.config.seed,
                n_train=len(train),
            )
        )
    return records


@step("random forests and gradient boosting")
def baselines(
    run: Run, subsets: Iterable[str], features: Mapping[str, np.ndarray] | None = None
) -> list[BaselineResult]:
    """Random forests and gradient boosting on the best features, on the same objects.

    For each modality and all, with all labels, and with those of each of `subsets`.

    Parameters
    ----------
    run : Run
    subsets : iterable of str
    features : mapping of str to ndarray, shape (n, F), optional
        As `best_features` gives them; computed by default.
    """
    records = []
    names = list(run.source.modalities)
    features = best_features(run) if features is None else features
    plain = statistics_alone(run)
    for group in modality_sets(names):
        seen = np.logical_or.reduce([run.source.present(n) for n in group]) & (run.labels >= 0)
        values = np.concatenate([features[n] for n in group], axis=1)
        for subset in dict.fromkeys([FULL, *subsets]):
            train, test = run.rows("train", subset), run.rows("test")
            train, test = taught_rows(run, train[seen[train]]), test[seen[test]]
            if not len(train) or not len(test):
                continue
            taught = (values[train], run.labels[train], values[test], run.labels[test])
            seed, classes = run.config.seed, run.classes
            for name, result in {
                "random forest": forest_accuracy(*taught, seed, classes, threads=2),
                "gradient boosting": boosting_accuracy(*taught, seed, classes),
            }.items():
                records.append(
                    BaselineResult(
                        **dict(result),
                        modalities=group,
                        subset=subset,
                        name=name,
                        seed=seed,
                        n_train=len(train),
                        statistics_of=tuple(n for n in plain if n in group) or None,
                    )
                )
    return records


def _calibration(run: Run, case: Case, found: CaseClasses, rows: np.ndarray) -> CalibrationResult:
    """How far the probabilities of test objects are from the shares that are right."""
    labels = run.labels[rows]
    factor = case_reliability(run, case).calibration.temperature
    return CalibrationResult(
        temperature=factor["+".join(case.modalities)],
        error=calibration_error(found.probability[rows], labels),
        error_before=calibration_error(softmax(found.logits()[rows]), labels),
    )


def _labelled_test_rows(run: Run) -> np.ndarray:
    rows = run.rows("test")
    return rows[run.labels[rows] >= 0]
