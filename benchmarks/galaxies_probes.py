"""What can be read off features of galaxies: redshift and classes, by the simplest means.

No choice is made here on test objects: penalties of ridge regression come from leave-one-out
within the training objects, all else is fixed beforehand (16 neighbours; logistic regression with
C = 0.1 on standardised features; support vectors with C = 3).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from skybind.measures.probes import PENALTIES

NEIGHBOURS = 16
Scores = dict[str, float]


def regression_scores(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    test_y: np.ndarray,
    *,
    standardise: bool = True,
    head: bool = False,
) -> Scores:
    """R2 and scatter of a redshift by neighbours, by ridge regression and by support vectors."""
    models: dict[str, Any] = {
        "knn": KNeighborsRegressor(NEIGHBOURS, weights="distance"),
        "linear": RidgeCV(PENALTIES),
    }
    if head:
        models["head"] = SVR(C=1.0, epsilon=0.02)
    mean, scale = train_y.mean(), train_y.std()
    scores = {}
    for name, model in models.items():
        chain = make_pipeline(StandardScaler() if standardise else "passthrough", model)
        predicted = chain.fit(train_x, (train_y - mean) / scale).predict(test_x) * scale + mean
        error = (predicted - test_y) / (1 + test_y)
        scores[f"{name}_r2"] = float(r2_score(test_y, predicted))
        scores[f"{name}_nmad"] = float(1.4826 * np.median(np.abs(error - np.median(error))))
    return scores


def class_scores(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    test_y: np.ndarray,
    *,
    standardise: bool = True,
    head: bool = False,
) -> Scores:
    """Accuracy of a class by neighbours, by logistic regression and by support vectors."""
    models: dict[str, Any] = {
        "knn": KNeighborsClassifier(NEIGHBOURS, weights="distance"),
        "linear": LogisticRegression(C=0.1, max_iter=1000),
    }
    if head:
        models["head"] = SVC(C=3.0)
    scores = {}
    for name, model in models.items():
        scaled = standardise or name != "knn"
        chain = make_pipeline(StandardScaler() if scaled else "passthrough", model)
        predicted = chain.fit(train_x, train_y).predict(test_x)
        scores[f"{name}_accuracy"] = float(np.mean(predicted == test_y))
        scores[f"{name}_balanced"] = float(balanced_accuracy_score(test_y, predicted))
    return scores


def probe(
    features: np.ndarray,
    targets: Mapping[str, np.ndarray],
    train: np.ndarray,
    test: np.ndarray,
    *,
    standardise: bool = True,
    head: bool = False,
) -> dict[str, Scores]:
    """Scores of every target: numbers by regression, text by classification."""
    results = {}
    for name, values in targets.items():
        score: Callable[..., Scores] = (
            regression_scores if values.dtype.kind == "f" else class_scores
        )
        results[name] = score(
            features[train],
            values[train],
            features[test],
            values[test],
            standardise=standardise,
            head=head,
        )
    return results


def pca_baselines(
    spectra: np.ndarray, targets: Mapping[str, np.ndarray], train: np.ndarray, test: np.ndarray
) -> dict[str, dict[str, Scores]]:
    """Principal components of the normalised spectra: 16 of them, 64, and the whole spectrum."""
    pca = PCA(64, svd_solver="randomized", random_state=0).fit(spectra[train])
    components = pca.transform(spectra)
    numbers = {name: y for name, y in targets.items() if y.dtype.kind == "f"}
    ridge = {
        name: {
            "linear_r2": float(
                r2_score(
                    y[test],
                    RidgeCV(PENALTIES).fit(spectra[train], y[train]).predict(spectra[test]),
                )
            )
        }
        for name, y in numbers.items()
    }
    return {
        "pca16": probe(components[:, :16], targets, train, test, standardise=False),
        "pca64": probe(components, targets, train, test, standardise=False),
        "whole spectrum": ridge,
    }


def filled(table: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Replace missing values by the training objects' median, and say where they were."""
    missing = ~np.isfinite(table)
    middle = np.nanmedian(table[train], axis=0)
    some = missing[train].any(axis=0)
    return np.hstack([np.where(missing, middle, table), missing[:, some].astype(float)])
