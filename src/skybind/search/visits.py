"""Which observation of a match is most like the query, where an object has several."""

import numpy as np

from skybind.embeddings.stream import EmbeddingStream
from skybind.embeddings.visits import read_visits
from skybind.search.result import SearchResult


def add_visits(result: SearchResult, stream: EmbeddingStream) -> None:
    """Add columns that name the visit of each match nearest to its query, and its cosine.

    They are `MODALITY_visit` and `MODALITY_visit_cosine`, of the modalities that were searched and
    of which some match has several observations.
    """
    queries = zip(result.queries, result.source, strict=True)
    wanted = np.stack([query.vector(names) for query, names in queries])[result.query]
    names = np.unique(result.object_id.astype(str)).tolist()
    for name, visits in read_visits(stream.folder, stream.model, result.target, names).items():
        nearest = visits.nearest(result.object_id, wanted)
        if (nearest.n > 1).any():
            result.columns[f"{name}_visit"] = nearest.visit
            result.columns[f"{name}_visit_cosine"] = nearest.cosine
