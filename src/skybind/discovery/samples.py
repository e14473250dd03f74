"""What the discoveries of a run were measured on a sample of."""

from skybind.discovery.atlas import MOST as WITH_NEIGHBOURS
from skybind.discovery.measures.density import CLUSTERED
from skybind.discovery.measures.outliers import CLASS_CLUSTERED
from skybind.discovery.measures.structure import MOST as DIVIDED
from skybind.discovery.outliers import reference_rows
from skybind.embeddings.store import Embeddings
from skybind.evaluation.samples import Sample, told
from skybind.runs.run import Run


def discovery_samples(run: Run, embeddings: Embeddings) -> list[Sample]:
    """Say what was measured on some of the objects only, drawn by the seed."""
    train, test = len(run.rows("train")), len(run.rows("test"))
    largest = max((int((run.labels == code).sum()) for code in range(len(run.classes))), default=0)
    options, n = run.config.evaluation, len(embeddings)
    return told(
        ("training objects that all are compared with", len(reference_rows(run)), train),
        ("objects that clusters of the whole survey are made of", CLUSTERED, train),
        ("objects of the largest class that make its main cluster", CLASS_CLUSTERED, largest),
        ("objects of the largest class that give silhouettes and are permuted", DIVIDED, largest),
        ("test objects that tell the importance of modalities", options.asked_objects, test),
        ("training objects that a map is fitted on", options.map_objects, train),
        ("objects with neighbours in map.parquet", 0 if n > WITH_NEIGHBOURS else n, n),
    )
