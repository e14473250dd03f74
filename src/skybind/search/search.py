"""Search: the objects of a survey that are most like an object or a new observation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError
from skybind.ingest.readers.tables import SUFFIXES
from skybind.progress import step
from skybind.search.engine import chosen_index, find_nearest
from skybind.search.filters import Filters, kept_objects
from skybind.search.matches import describe_matches
from skybind.search.nearest import DuplicateRule, contrast_order
from skybind.search.places import Places
from skybind.search.query import Query, query_file, query_object
from skybind.search.result import SearchResult
from skybind.search.visits import add_visits


@dataclass(frozen=True)
class SearchOptions:
    """What is searched, and what is told of the matches.

    Attributes
    ----------
    source, target : sequence of str, optional
        Modalities to search by, and to search in; several stand for their mean. By default an
        object is searched by all that it has, in the same; a file by what it holds.
    k : int
        Matches of each query.
    where : str, optional
        Condition on the dataset's columns (see `skybind.data.where`).
    cone : str, optional
        Search only there: `RA DEC RADIUS` in degrees, or `10:12:33 -05:11:22 5'`.
    split : str, optional
        Search only this part of the split.
    contrast : str, optional
        Rank the k most alike by how unlike the query they are in this modality.
    columns : sequence of str, optional
        Columns of the dataset to give of each match; by default its labels.
    predict : sequence of str
        Columns to predict by the matches; an observation column of spectra gives the mean
        spectrum.
    values : mapping, optional
        Numbers that go with a file: features that the model reads, ra, dec [deg].
    format : str, optional
        Of the files; found out by default.
    visit : str, optional
        Which spectrum of a file with several of one object: what its column `visit`, `mjd` ...
        says; the first by default.
    index : bool, optional
        Search by an index, which is built if there is none that fits. By default one that fits is
        used where there are a million objects or more.
    recall : float, optional
        What an index that is built has to reach: 0.95 by default, or, where one is added to, what
        it had to reach.
    memory_gb : float, optional
        Most memory for vectors; what `skybind.memory` allows a block by default.
    """

    source: Sequence[str] | None = None
    target: Sequence[str] | None = None
    k: int = 10
    where: str | None = None
    cone: str | None = None
    split: str | None = None
    contrast: str | None = None
    columns: Sequence[str] | None = None
    predict: Sequence[str] = ()
    values: Mapping[str, float] | None = None
    format: str | None = None
    visit: str | None = None
    index: bool | None = None
    recall: float | None = None
    memory_gb: float | None = None

    @property
    def unfiltered(self) -> bool:
        """Whether all objects may be found."""
        return self.where is None and self.cone is None and self.split is None


@step("searching", told=False)
def search(
    folder: str | Path,
    queries: Sequence[str | Path],
    options: SearchOptions | None = None,
    *,
    data: str | Path | None = None,
    model: str | Path | None = None,
    rule: DuplicateRule | None = None,
) -> SearchResult:
    """Find the k objects most like each query.

    Parameters
    ----------
    folder : str or Path
        Of a run, or of embeddings.
    queries : sequence of str or Path
        Ids of objects, or files of new observations.
    options : SearchOptions, optional
    data, model : str or Path, optional
        Dataset and model, where the folder does not tell.
    rule : DuplicateRule, optional
        When a match counts as the same object.

    Raises
    ------
    DataError, ModelError
        If there is no such object, file, modality or column, or nothing is left to search.
    """
    options = options or SearchOptions()
    _refuse_impossible(queries, options)
    places = Places(Path(folder), data, model)
    stream = EmbeddingStream.open(places.embeddings, options.memory_gb)
    return search_opened(stream, places, queries, options, rule=rule)


def search_opened(
    stream: EmbeddingStream,
    places: Places,
    queries: Sequence[str | Path],
    options: SearchOptions,
    *,
    rule: DuplicateRule | None = None,
    files: bool = True,
) -> SearchResult:
    """Find the k objects most like each query in embeddings that are open; as `search`.

    Without `files` every query is the name of an object, and no file is looked for.
    """
    _refuse_impossible(queries, options)
    source, contrast = options.source, options.contrast
    for names in (source, options.target, [contrast] if contrast else None):
        stream.require(names if names is not None else list(stream.modalities)[:1])
    found = [_resolve(query, stream, places, options, files) for query in queries]
    by = [list(source or query.vectors) for query in found]
    alike = all(names == by[0] for names in by)
    searched_in = list(options.target or (by[0] if alike else stream.modalities))
    stream.require([*searched_in, *(name for names in by for name in names)])
    vectors = np.stack([q.vector(names) for q, names in zip(found, by, strict=True)])
    if contrast is not None and all(names == [contrast] == searched_in for names in by):
        raise DataError(
            f"The objects most alike in {contrast} cannot be contrasted with themselves: name "
            "another modality for the contrast."
        )
    filters = Filters(options.split, options.cone, options.where, contrast)
    keep = kept_objects(stream, places, filters)
    result = _find(stream, found, by, searched_in, vectors, keep, options)
    if contrast is not None:
        result = _rank_by_contrast(result, stream, contrast)
    result.reads = places.reads(stream.model)
    describe_matches(result, places, options.columns, options.predict, rule or DuplicateRule())
    add_visits(result, stream)
    return result


def _refuse_impossible(queries: Sequence[str | Path], options: SearchOptions) -> None:
    """Refuse what can be seen to be no search before anything is opened."""
    if options.k < 1:
        raise DataError(f"The number of matches is {options.k}: give at least 1.")
    if not queries:
        raise DataError("There is no query: name an object or a file.")


def _resolve(
    query: str | Path,
    stream: EmbeddingStream,
    places: Places,
    options: SearchOptions,
    files: bool = True,
) -> Query:
    text, source, contrast = str(query), options.source, options.contrast
    suffix = Path(text.lower().removesuffix(".gz")).suffix
    is_file = files and Path(text).is_file()
    if files and not is_file and (suffix in SUFFIXES or "/" in text) and text not in stream:
        raise DataError(f"There is no file {text}, and no object of that name.")
    if is_file:
        if contrast is not None:
            raise DataError(f"A contrast needs two observations of the query: {text} has one.")
        if source is not None and len(source) > 1:
            raise DataError(f"{text} holds one modality: give --from one, not several.")
        by = source[0] if source else None
        how = (options.format, options.visit)
        return query_file(text, places.model, stream, by, options.values, *how)
    names = list(source) if source is not None else list(stream.modalities)
    wanted = [*names, contrast] if contrast is not None and contrast not in names else names
    found = query_object(stream, text, wanted)
    if contrast is not None and contrast not in found.vectors:
        raise DataError(f"{text} has no {contrast}: it cannot be contrasted with others there.")
    absent = [name for name in source or () if name not in found.vectors]
    if absent and len(absent) < len(names):
        found.notes.append(f"{text} has no {' and no '.join(absent)}: it is searched by the rest.")
    if contrast is not None and contrast not in names:
        found.contrast = found.vectors.pop(contrast)  # not searched by that
    return found


def _find(
    stream: EmbeddingStream,
    queries: list[Query],
    by: list[list[str]],
    target: list[str],
    vectors: np.ndarray,
    keep: np.ndarray | None,
    options: SearchOptions,
) -> SearchResult:
    k = options.k
    # an object is no match of itself, unless it is found across modalities
    alone = [q.row is not None and set(b) == set(target) for q, b in zip(queries, by, strict=True)]
    extra = max(k + (1 if any(alone) else 0), 2)  # those asked find themselves first
    index, notes = chosen_index(stream, target, options.index, options.recall)
    # what is alike is the same for every later question: among all, and exact
    lasting = stream.limits if options.unfiltered and index is None else {}
    keys = {tuple(names): (tuple(names), tuple(target), options.contrast) for names in by}
    known = {names: lasting[key] for names, key in keys.items() if key in lasting}
    found = find_nearest(stream, target, vectors, by, extra, keep, index, known)
    lasting |= {key: found.limits[names] for names, key in keys.items()}
    rows, cosines, owner = [], [], []
    for i, query in enumerate(queries):
        good = found.nearest.row[i] >= 0
        if alone[i]:
            good &= found.nearest.row[i] != query.row
        rows.append(found.nearest.row[i][good][:k])
        cosines.append(found.nearest.cosine[i][good][:k])
        owner.append(np.full(len(rows[-1]), i))
    row = np.concatenate(rows).astype(np.int64)
    if not len(row):
        raise DataError(f"No object to be searched has {' or '.join(target)}.")
    names, parts = stream.names(row)
    return SearchResult(
        queries,
        by,
        target,
        query=np.concatenate(owner).astype(np.int64),
        rank=np.concatenate([np.arange(1, len(r) + 1) for r in rows]),
        row=row,
        object_id=names,
        cosine=np.concatenate(cosines),
        contrast=None,
        relation=np.full(len(row), "", dtype=object),
        split=parts,
        searched=found.searched,
        alike=[found.limits[tuple(names)] for names in by],
        among=found.among,
        recall=found.recall,
        probes=found.probes,
        lists=found.lists,
        notes=[*notes, *found.notes, *(note for query in queries for note in query.notes)],
    )


def _rank_by_contrast(result: SearchResult, stream: EmbeddingStream, contrast: str) -> SearchResult:
    vectors, present = stream.take(result.row, contrast)
    own = np.stack([_contrast_vector(query, contrast) for query in result.queries])
    cosine = np.einsum("ij,ij->i", vectors.astype(float), own[result.query].astype(float))
    cosine = np.where(present, cosine, np.nan)
    order = np.concatenate(
        [
            rows[contrast_order(result.cosine[rows], cosine[rows])]
            for rows in (np.flatnonzero(result.query == i) for i in range(len(result.queries)))
        ]
    )
    for name in ("row", "object_id", "cosine", "split"):
        setattr(result, name, getattr(result, name)[order])
    result.contrast = cosine[order]
    return result


def _contrast_vector(query: Query, contrast: str) -> np.ndarray:
    return query.contrast if query.contrast is not None else query.vectors[contrast]
