"""What the discoveries of a run were measured on a sample of."""

from collections.abc import Sequence

import numpy as np

from skybind.discovery.atlas import MOST as WITH_NEIGHBOURS
from skybind.discovery.measures.density import CLUSTERED
from skybind.discovery.measures.outliers import CLASS_CLUSTERED
from skybind.discovery.measures.structure import MOST as DIVIDED
from skybind.discovery.reference import reference_rows
from skybind.embeddings.store import Embeddings
from skybind.evaluation.samples import Sample, told
from skybind.runs.run import Run


def discovery_samples(run: Run, embeddings: Embeddings, divided: Sequence[int]) -> list[Sample]:
    """Say what was measured on some of the objects only, drawn by the seed.

    Parameters
    ----------
    run : Run
    embeddings : Embeddings
        Of all of the run's objects.
    divided : sequence of int
        Objects of each class that was divided.
    """
    seen, options, n = embeddings.any_present(), run.config.evaluation, len(embeddings)
    complete = np.logical_and.reduce(list(embeddings.present.values()))
    train, reference = run.rows("train"), reference_rows(run)
    classes = [int((seen & (run.labels == code)).sum()) for code in range(len(run.classes))]
    parts = "objects of the largest class that give silhouettes and are permuted"
    several = int(complete[run.rows("test")].sum()) if len(embeddings.modalities) > 1 else 0
    return told(
        ("training objects that all are compared with", len(reference), len(train)),
        ("objects that clusters of the whole survey are made of", CLUSTERED, seen[reference].sum()),
        (
            "objects of the largest class that make its main cluster",
            CLASS_CLUSTERED,
            max(classes, default=0),
        ),
        (parts, DIVIDED, max(divided, default=0)),
        ("test objects that tell the importance of modalities", options.asked_objects, several),
        ("training objects that a map is fitted on", options.map_objects, seen[train].sum()),
        ("objects with neighbours in map.parquet", 0 if n > WITH_NEIGHBOURS else n, n),
    )
