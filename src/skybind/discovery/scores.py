"""What its neighbours say of each object of a run: the long part of discover, also in shards.

Only the reference objects are neighbours, so an object's numbers do not depend on which others are
asked about with it. What is judged of all of them together (thresholds, clusters, ranks) is not
here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.discovery.measures.density import loneliness, reference_reach
from skybind.discovery.measures.label_doubt import (
    FEWEST_VOTERS,
    LabelDoubt,
    doubt_of,
    neighbour_votes,
)
from skybind.discovery.measures.outliers import COMBINED
from skybind.discovery.measures.period_doubt import FACTORS, typicality
from skybind.discovery.measures.target_doubt import neighbour_medians
from skybind.discovery.periods import Folding, find_folding, refolded, refolded_path
from skybind.discovery.records import DISCOVER_VERSION
from skybind.discovery.reference import reference_rows, with_combined
from skybind.embeddings.store import Embeddings
from skybind.errors import DataError
from skybind.evaluation.targets import targets_of
from skybind.files import array_hash, atomic_path, json_hash, read_array, write_array
from skybind.locks import alone, waiting_for
from skybind.once import once, result_of
from skybind.parquet import read_parquet, write_parquet
from skybind.progress import step
from skybind.runs.run import Run
from skybind.shards import Shard, ShardFolder, remedy
from skybind.version import __version__

#: Name of a number -> its values, one row an object.
Scores = Mapping[str, np.ndarray]

_TABLE = "scores.parquet"
VOTES = "votes"


def isolation(modality: str) -> str:
    """Name the mean distance to the nearest reference objects."""
    return f"isolation {modality}"


def density(modality: str) -> str:
    """Name the local outlier factor."""
    return f"density {modality}"


def medians(target: str, modality: str) -> str:
    """Name the median and the scatter of the neighbours' numbers."""
    return f"medians {modality} {target}"


def typical(factor: float) -> str:
    """Name how much a light curve at a multiple of its period looks like others."""
    return f"typical {factor:g}"


def refold_name(factor: float) -> str:
    """Name the embedding of a light curve at a multiple of its period."""
    return f"refolded {factor:g}"


def neighbour_scores(run: Run, embeddings: Embeddings, only: str | None = None) -> Scores:
    """Give what the neighbours of all objects say: read if it is there, made now if not.

    Parameters
    ----------
    run : Run
    embeddings : Embeddings
        Of all of the run's objects, in the dataset's order.
    only : str, optional
        Read this alone.

    Returns
    -------
    mapping of str to ndarray
        In the dataset's order. What cannot be told is not in it: votes without labels, medians of a
        number that too few reference objects have, periods that nothing folds by.
    """

    def make() -> dict[str, Any]:
        with step("asking the neighbours of all objects"):
            _write(_ask(run, embeddings), folder / _TABLE)
        return {"n": len(embeddings)}

    folder = run.paths.discover.step("scores")
    once(folder, {"key": _key(run, embeddings)}, make)
    return _read(folder / _TABLE, f"delete {folder} to make it anew", only)


def all_votes(run: Run, embeddings: Embeddings) -> np.ndarray:
    """Give the neighbours' votes on the class of all objects, as `neighbour_votes` does.

    Raises
    ------
    DataError
        If no reference object has a class.
    """
    known = neighbour_scores(run, embeddings, VOTES)
    if VOTES not in known:
        raise DataError("No reference object has a label, so that none can vote.")
    return known[VOTES]


def all_doubts(run: Run, embeddings: Embeddings) -> LabelDoubt | None:
    """Tell which labels are doubtful; None without labels, or where too few objects could vote."""
    reference = reference_rows(run)
    voters = (run.labels[reference] >= 0) & embeddings.any_present()[reference]
    if np.count_nonzero(voters) < FEWEST_VOTERS:
        return None
    return doubt_of(all_votes(run, embeddings), run.labels)


def score_shard(run: Run, embeddings: Embeddings, shard: Shard) -> tuple[Path, int]:
    """Ask the neighbours of the objects of one shard; gives where it is, and of how many objects.

    Parameters
    ----------
    run : Run
    embeddings : Embeddings
        Of all of the run's objects, in the dataset's order.
    shard : Shard

    Raises
    ------
    AlreadyDone
        If all objects have been asked about.
    """
    shards = _shards(run, embeddings)
    place = run.paths.discover.step("scores")
    done = result_of(place)
    if done is not None and done.get("key") == _key(run, embeddings):
        raise shards.already_done(place)
    stretch = shard.stretch(run.dataset.source.starts(), len(embeddings))

    def make(folder: Path) -> dict[str, Any]:
        found = _ask(run, embeddings, stretch, shards.path)
        _write(found, folder / _TABLE)
        return {"n": stretch[1] - stretch[0], "names": list(found)}

    with step("asking the neighbours of the objects"):
        note = shards.do(shard, make)
    return shards.path / shard.name, note["n"]


def join_shards(run: Run, embeddings: Embeddings) -> None:
    """Put shards together where there are any.

    Raises
    ------
    DataError
        If some are missing, damaged, or of something else.
    """
    with _shards(run, embeddings).together() as parts:
        if not parts:
            return

        def make() -> dict[str, Any]:
            with step("putting the shards together", told=False):
                _join(run, embeddings, parts, folder / _TABLE)
            return {"n": len(embeddings)}

        folder = run.paths.discover.step("scores")
        once(folder, {"key": _key(run, embeddings)}, make)


def _join(
    run: Run, embeddings: Embeddings, parts: Sequence[tuple[Path, Mapping[str, Any]]], target: Path
) -> None:
    """Write what all shards hold to the places of what is made in one piece."""
    folding = find_folding(run, embeddings)
    files = {refold_name(factor): factor for factor in FACTORS}
    whole: dict[str, np.ndarray] = {}
    for name in parts[0][1]["names"]:
        pieces = [_read(part / _TABLE, remedy(part), name)[name] for part, _ in parts]
        if name not in files:
            whole[name] = np.concatenate(pieces)
        elif folding is not None:
            write_array(refolded_path(run, folding, files[name]), np.concatenate(pieces))
    _write(whole, target)


def _ask(
    run: Run,
    embeddings: Embeddings,
    stretch: tuple[int, int] | None = None,
    shared: Path | None = None,
) -> dict[str, np.ndarray]:
    """Ask the neighbours of all objects, or of those from one row to before another.

    Parameters
    ----------
    run : Run
    embeddings : Embeddings
    stretch : tuple of int, optional
    shared : Path, optional
        Folder for what all shards need and one makes.
    """
    rows = np.arange(*(stretch or (0, len(embeddings))))
    vectors, present = with_combined(embeddings)
    reference, labels = reference_rows(run), run.labels
    found: dict[str, np.ndarray] = {}
    for name, own in vectors.items():
        asked = own, present[name], reference
        reach = None if shared is None else _shared_reach(shared, name, *asked)
        lonely = loneliness(*asked, rows=rows, reach=reach)
        found[isolation(name)], found[density(name)] = lonely.isolation, lonely.density
    if run.classes and (labels[reference] >= 0).any():
        found[VOTES] = neighbour_votes(
            vectors[COMBINED], present[COMBINED], labels, reference, len(run.classes), rows=rows
        )
    for target in targets_of(run.dataset, run.config.evaluation.targets):
        for name, own in vectors.items():
            asked = own, present[name], reference
            said = neighbour_medians(target.values, *asked, redshift=target.redshift, rows=rows)
            if said is not None:
                found[medians(target.name, name)] = said
    folding = find_folding(run, embeddings)
    if folding is not None:
        found |= _ask_of_periods(run, folding, rows, stretch)
    return found


def _ask_of_periods(
    run: Run, folding: Folding, rows: np.ndarray, stretch: tuple[int, int] | None
) -> dict[str, np.ndarray]:
    """Ask how light curves look at multiples of their periods; a shard keeps their embeddings."""
    found = {}
    own, usable, library = folding.vectors, folding.usable, folding.library
    for factor in FACTORS:
        folded = refolded(run, folding, factor, stretch)
        found[typical(factor)] = typicality(folded, own, usable, library, rows)
        if stretch is not None and factor != 1:
            found[refold_name(factor)] = folded
    return found


def _shared_reach(
    folder: Path, name: str, vectors: np.ndarray, present: np.ndarray, reference: np.ndarray
) -> np.ndarray:
    """Give `reference_reach` of a modality, which the first shard computes."""
    path, lock = folder / f"reach-{name}.npz", folder / ".reach.lock"
    with alone(lock, otherwise=waiting_for("compares the training objects with each other")):
        known = read_array(path)
        if known is None:
            known = reference_reach(vectors, present, reference)
            write_array(path, known)
    return known


def _key(run: Run, embeddings: Embeddings) -> str:
    """Name all that the scores are made of."""
    targets = targets_of(run.dataset, run.config.evaluation.targets)
    folding = find_folding(run, embeddings)
    return json_hash(
        [
            DISCOVER_VERSION,
            run.dataset.fingerprint,
            run.status.split_hash,
            embeddings.model,
            [run.classes, array_hash(run.labels)],
            [[one.name, one.redshift, array_hash(one.values)] for one in targets],
            None if folding is None else [folding.name, array_hash(folding.period)],
        ]
    )


def _shards(run: Run, embeddings: Embeddings) -> ShardFolder:
    key = json_hash([__version__, _key(run, embeddings)])
    return ShardFolder(run.paths.discover.scores, key, "discover")


def _write(scores: Scores, path: Path) -> None:
    """Write numbers as columns of a table, one row an object."""
    columns = {
        name: pa.array(values)
        if values.ndim == 1
        else pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
        for name, values in scores.items()
    }
    with atomic_path(path) as temporary:
        write_parquet(pa.table(columns), temporary)


def _read(path: Path, again: str, only: str | None = None) -> dict[str, np.ndarray]:
    """Read all numbers, or one if it is there."""
    table = read_parquet(path, None if only is None else [only], again=again)
    found = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if pa.types.is_fixed_size_list(column.type):
            width = column.type.list_size
            found[name] = column.flatten().to_numpy().reshape(len(column), width)
        else:
            found[name] = column.to_numpy()
    return found
