"""Retrieval of a run across modalities, beside what a statistician would do and by brightness."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from skybind.embeddings.store import Embeddings
from skybind.errors import DataError
from skybind.evaluation.brightness import Brightness, brightness_of
from skybind.evaluation.records import PairRetrieval, RetrievalRival
from skybind.evaluation.samples import COMPARED, CORRELATED, asked_rows, note
from skybind.evaluation.statistics import modality_statistics
from skybind.measures.correlation import MOST as PAIRS
from skybind.measures.correlation import fit_canonical
from skybind.measures.retrieval import matched_retrieval, retrieval, retrieval_table
from skybind.progress import step
from skybind.runs.run import Run

#: Candidates of like brightness differ from the query by this at most [mag].
WIDTH = 0.3


#: Methods, as tables and figures name them; the last two are controls, which must give chance.
OURS, COSINE, LIKELIHOOD = "ours", "canonical correlation, cosine", "canonical correlation"
BRIGHTNESS = "brightness alone"
EXCHANGED, REFITTED = "ours, pairs exchanged", "canonical correlation, pairs exchanged"
CONTROLS = (EXCHANGED, REFITTED)

Pair = tuple[str, str]
Vectors = tuple[np.ndarray, np.ndarray]
#: Training objects, test objects, seed.
Parts = tuple[np.ndarray, np.ndarray, int]


@step("retrieval")
def retrieve_run(run: Run, embeddings: Embeddings) -> list[PairRetrieval]:
    """Look for the own other view of every test object, for every ordered pair of modalities."""
    test = embeddings.take(run.rows("test"))
    if len(embeddings.modalities) < 2 or not len(test):
        return []
    return [
        PairRetrieval(**dict(result), query=query, target=target, seed=run.config.seed)
        for (query, target), result in retrieval_table(test.vectors, test.present).items()
    ]


@step("retrieval by canonical correlation and by brightness")
def retrieval_rivals(
    run: Run, embeddings: Embeddings
) -> tuple[list[RetrievalRival], dict[str, str]]:
    """Set the retrieval of a run beside that of plain methods, on the same test objects.

    Canonical correlation is fitted on the training objects that have both modalities; ours and it
    are also asked among candidates of like brightness alone, and with exchanged pairs, which must
    give chance. Of very many test objects a sample is both asked and offered
    (`evaluation.asked_objects`), for all methods the same.

    Parameters
    ----------
    run : Run
    embeddings : Embeddings
        Of all of the run's objects, in the dataset's order.

    Returns
    -------
    list of RetrievalRival
        Pairs of modalities with fewer than 20 training or 2 test objects are left out.
    dict of str to str
        What the brightness of each modality was taken from; "" where it is not known.
    """
    names = embeddings.modalities
    light_of = brightness_of(run)
    bright = {name: light_of[name].values for name in names}
    features = {
        name: np.column_stack([modality_statistics(run.source, name), bright[name]])
        for name in names
    }
    records = []
    for a, b in combinations(names, 2):
        both = embeddings.present[a] & embeddings.present[b]
        both &= run.source.present(a) & run.source.present(b)
        train, test = (run.rows(part)[both[run.rows(part)]] for part in ("train", "test"))
        test = asked_rows(run, test, COMPARED)
        if len(test) < 2:
            continue
        by = _matched_by(light_of, (a, b), test)
        light = (by, bright[by][test])
        exchanged = np.random.default_rng(run.config.seed).permutation(len(test))
        own = {name: embeddings.vectors[name][test] for name in (a, b)}
        seen = {name: features[name] for name in (a, b)}
        alone = {name: bright[name][:, None] for name in (a, b)}
        parts = (train, test, run.config.seed)
        plain = {**_fitted(seen, (a, b), parts), **_alone(alone, (a, b), parts)}
        for query, target in ((a, b), (b, a)):
            made = {
                OURS: (own[query], own[target]),
                **{method: by_direction[query, target] for method, by_direction in plain.items()},
                EXCHANGED: (own[query], own[target][exchanged]),
            }
            for method, vectors in made.items():
                records.append(_record(run, (method, query, target), vectors, light))
    return records, {name: light_of[name].source for name in names}


def _matched_by(light_of: Mapping[str, Brightness], pair: Pair, test: np.ndarray) -> str:
    """By whose brightness candidates are matched: of most objects, a spectrum's if need be."""

    def fitness(name: str) -> tuple[bool, int]:
        known = int(np.isfinite(light_of[name].values[test]).sum())
        return light_of[name].direct and 2 * known >= len(test), known

    return max(pair, key=fitness)


def _fitted(
    seen: Mapping[str, np.ndarray], pair: Pair, parts: Parts
) -> dict[str, dict[Pair, Vectors]]:
    """Vectors by canonical correlation, and by one of exchanged pairs.

    Fitted on exchanged pairs its directions are random, but may carry what both views share, as
    brightness, on either side. So its test pairs are exchanged, too: that alone ensures chance.
    """
    a, b = pair
    train, test, seed = parts
    exchanged = np.random.default_rng(seed).permutation(train)
    try:
        made = fit_canonical(seen[a][train], seen[b][train], seed)
        control = fit_canonical(seen[a][train], seen[b][exchanged], seed)
    except DataError:  # too few, or nothing that varies
        return {}
    note(CORRELATED, min(len(train), PAIRS), len(train))
    x, y = seen[a][test], seen[b][test]
    others = np.random.default_rng(seed).permutation(len(test))
    return {
        LIKELIHOOD: {(a, b): made.by_likelihood(x, y), (b, a): made.swapped().by_likelihood(y, x)},
        COSINE: {(a, b): made.by_cosine(x, y), (b, a): made.swapped().by_cosine(y, x)},
        REFITTED: {
            (a, b): control.by_likelihood(x, y[others]),
            (b, a): control.swapped().by_likelihood(y, x[others]),
        },
    }


def _alone(
    bright: Mapping[str, np.ndarray], pair: Pair, parts: Parts
) -> dict[str, dict[Pair, Vectors]]:
    """Vectors by which brightness alone orders the candidates."""
    (a, b), (train, test, seed) = pair, parts
    try:
        made = fit_canonical(bright[a][train], bright[b][train], seed)
    except DataError:
        return {}
    x, y = bright[a][test], bright[b][test]
    return {
        BRIGHTNESS: {(a, b): made.by_likelihood(x, y), (b, a): made.swapped().by_likelihood(y, x)}
    }


def _record(
    run: Run, what: tuple[str, str, str], vectors: Vectors, light: tuple[str, np.ndarray]
) -> RetrievalRival:
    """What one method finds among all candidates, and among those of like brightness.

    `light` is of whose modality, and the brightness.
    """
    method, query, target = what
    try:
        matched = matched_retrieval(*vectors, light[1], WIDTH)
    except DataError:  # of no two objects the brightness is known to be alike
        matched = None
    return RetrievalRival(
        **dict(retrieval(*vectors)),
        method=method,
        query=query,
        target=target,
        seed=run.config.seed,
        matched=matched,
        matched_by=None if matched is None else light[0],
    )
