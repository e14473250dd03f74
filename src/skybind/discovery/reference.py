"""What the objects of a run are compared with, and by which vectors."""

import numpy as np

from skybind.discovery.measures.outliers import COMBINED
from skybind.embeddings.store import Embeddings
from skybind.evaluation.samples import drawn
from skybind.runs.run import Run

#: Training objects that others are compared with at most, and a few more of rare classes.
REFERENCE = 50_000


def reference_rows(run: Run) -> np.ndarray:
    """Return the training objects that all are compared with: all, or of very many a sample."""
    return drawn(run.rows("train"), REFERENCE, run.config.seed, run.labels)


def with_combined(
    embeddings: Embeddings,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return vectors and presence of every modality and, of several, of all together."""
    vectors, present = dict(embeddings.vectors), dict(embeddings.present)
    vectors[COMBINED], present[COMBINED] = embeddings.mean(), embeddings.any_present()
    return vectors, present
