"""Labels where they help most: propose objects to label, and train again with the answers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skybind.drawing.from_dataset import columns_of, load_examples
from skybind.embeddings.store import Embeddings
from skybind.errors import DataError
from skybind.evaluation.samples import drawn
from skybind.evaluation.targets import targets_of
from skybind.labelling.answers import LabelledRun, labelled_run
from skybind.labelling.beliefs import Beliefs, form_beliefs
from skybind.labelling.page import LabelPage, write_label_pages
from skybind.labelling.strategies import BLIND, STRATEGIES, Proposal, propose, thinned
from skybind.measures.neighbours import exact_nearest
from skybind.memory import at_once
from skybind.progress import step
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.tables import write_csv

#: Nearest labelled objects that a page names.
NEIGHBOURS = 5


#: Labelled objects that are looked at together where memory allows.
_ROWS = 65536


#: Classes that a reason or a page names, the likeliest.
NAMED = 3


#: Modalities disagree, in words, from this divergence on.
APART = 0.3


#: Features of the catalogue that a page tells.
FEATURES = 16


TABLE, PAGES = "to_label.csv", "to_label.html"


@dataclass
class Proposals:
    """Objects to label next, the most wanted first.

    Attributes
    ----------
    rows : ndarray of int, shape (k,)
        Places in the dataset.
    object_id : ndarray of str, shape (k,)
    reasons : list of str
        Why each, in words.
    beliefs : Beliefs
        Of these objects, before their answers.
    classes : list of str
    strategy : str
        The one that was used.
    neighbours : list of list of (str, str, float)
        The nearest labelled objects of each: id, class, cosine.
    notes : list of str
        Sentences: how many there were to choose from, and who was left out.
    """

    rows: np.ndarray
    object_id: np.ndarray
    reasons: list[str]
    beliefs: Beliefs
    classes: list[str]
    strategy: str
    neighbours: list[list[tuple[str, str, float]]]
    notes: list[str]

    def __len__(self) -> int:
        return len(self.rows)

    def guess(self, place: int) -> str:
        """The likeliest class of an object; "" where nothing is known yet."""
        return self.classes[int(self.beliefs.guess[place])] if self.beliefs.known else ""


@step("choosing objects to label")
def propose_labels(
    run: Run,
    n: int,
    *,
    strategy: str = "combined",
    part: str = "train",
    only_answers: bool = False,
    seed: int | None = None,
) -> Proposals:
    """Choose the objects of a run whose labels would help most.

    A linear classifier on the run's embeddings learns from all labels so far; validation and
    test objects are neither proposed nor learned from.

    Parameters
    ----------
    run : Run
        Pre-trained; embedded now if that was not done before.
    n : int
        How many.
    strategy : str
        One of `skybind.labelling.strategies.STRATEGIES`.
    part : {"train", "validation", "test"}
        Objects to choose from. Those of validation and test are always drawn at random: a
        choice would bias what they measure.
    only_answers : bool
        Know the answers only, not the catalogue's labels: to start from nothing, or to try out.
    seed : int, optional
        The run's by default.

    Raises
    ------
    DataError
        If nothing is left to label, or the strategy or the part is not known.
    """
    _check(part, strategy)
    joined, embeddings = labelled_run(run), run_embedding(run)
    if part != "train":
        strategy = "random"
    pool, notes = _candidates(joined, embeddings, part, only_answers)
    labels = _known_labels(joined, only_answers)
    known = np.flatnonzero((labels >= 0) & embeddings.any_present())
    seed = _batch_seed(run.config.seed if seed is None else seed, len(known))
    pool, taught = _some(run, pool, thinned(len(pool), n, seed), known, labels, notes)
    teaching = np.where(taught, labels, -1)
    vectors = embeddings.mean()
    beliefs = form_beliefs(
        vectors, embeddings.vectors, embeddings.present, teaching, pool, len(joined.classes)
    )
    candidates, before = vectors[pool].astype(np.float64), vectors[taught]
    chosen = propose(candidates, beliefs, n, labelled=before, strategy=strategy, seed=seed)
    if chosen.strategy != strategy:
        notes.append(
            f"'{strategy}' needs labels of two classes: the most typical objects are proposed."
        )
    near = _neighbours(vectors, pool[chosen.rows], known, joined, labels)
    return _proposals(joined, chosen, pool[chosen.rows], beliefs.take(chosen.rows), near, notes)


def _check(part: str, strategy: str) -> None:
    if part not in ("train", "validation", "test"):
        raise DataError(f"There is no part '{part}': use train, validation or test.")
    if strategy not in STRATEGIES:
        raise DataError(f"There is no strategy '{strategy}': use one of {', '.join(STRATEGIES)}.")


def _batch_seed(seed: int, n_known: int) -> int:
    """Return a seed with which every batch draws anew, however often the command is repeated."""
    return int(np.random.SeedSequence([seed, n_known]).generate_state(1)[0])


def _proposals(
    run: LabelledRun,
    chosen: Proposal,
    rows: np.ndarray,
    beliefs: Beliefs,
    near: list[list[tuple[str, str, float]]],
    notes: list[str],
) -> Proposals:
    """Say of the objects that were chosen who they are, and why."""
    return Proposals(
        rows,
        run.dataset.object_ids[rows],
        [_reason(chosen, beliefs, near, run.classes, place) for place in range(len(rows))],
        beliefs,
        run.classes,
        chosen.strategy,
        near,
        notes,
    )


def refuse_table(out: str | Path) -> None:
    """Refuse a folder with a table, in which somebody may have filled in answers.

    Raises
    ------
    DataError
    """
    table = Path(out) / TABLE
    if table.exists():
        raise DataError(f"{table} is there already, perhaps with answers: choose another folder.")


@step("drawing the pages of the objects")
def write_proposals(run: Run, proposals: Proposals, out: str | Path) -> tuple[Path, Path]:
    """Write a table to fill in and a page with all objects.

    Parameters
    ----------
    run : Run
    proposals : Proposals
    out : str or Path
        Folder; it gets `to_label.csv` and `to_label.html`.

    Raises
    ------
    DataError
        If there is a table already, in which somebody may have filled in answers.

    Returns
    -------
    Path, Path
        The table and the page.
    """
    refuse_table(out)
    table, page = Path(out) / TABLE, Path(out) / PAGES
    _write_pages(run, proposals, page)
    _write_table(proposals, table)
    return table, page


def _candidates(
    run: LabelledRun, embeddings: Embeddings, part: str, only_answers: bool
) -> tuple[np.ndarray, list[str]]:
    """Objects that may be proposed, and sentences about the others."""
    inside = run.split.part == part
    if part == "train":  # those outside of the split are nobody's yardstick either
        inside |= run.split.part == ""
    labelled = run.answered.copy()
    if not only_answers or part != "train":
        labelled |= run.catalogue_names != ""
    seen = embeddings.any_present()
    pool = np.flatnonzero(inside & ~labelled & seen)
    unseen = int((inside & ~labelled & ~seen).sum())
    if not len(pool):
        hint = (
            "; --only-answers proposes as if the catalogue's were not known"
            if part == "train"
            else ""
        )
        raise DataError(
            f"No {part} object of the run in {run.folder} is without a label: there is nothing to "
            f"propose{hint}."
        )
    notes = [f"Chosen from {len(pool)} objects without a label."]
    if unseen:
        notes.append(f"{unseen} objects without a usable observation were left out.")
    return pool, notes


def _some(
    run: Run,
    pool: np.ndarray,
    kept: np.ndarray,
    known: np.ndarray,
    labels: np.ndarray,
    notes: list[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates, and which objects teach, (n,) bool: of very many a sample, which is said."""
    taught = drawn(known, run.config.evaluation.taught_objects, run.config.seed, labels)
    if len(kept) < len(pool):
        notes.append(f"Of these {len(kept):,} were drawn at random.")
    if len(taught) < len(known):
        notes.append(
            f"Of {len(known):,} labelled objects {len(taught):,} were drawn to learn from "
            "(evaluation.taught_objects)."
        )
    return pool[kept], np.isin(np.arange(len(labels)), taught)


def _known_labels(run: LabelledRun, only_answers: bool) -> np.ndarray:
    """Labels that proposals may know, -1 elsewhere: never those of validation and test."""
    teaches = run.answered if only_answers else np.ones(len(run.labels), bool)
    hidden = np.isin(run.split.part, ["validation", "test"])
    return np.where(teaches & ~hidden, run.labels, -1)


def _neighbours(
    vectors: np.ndarray, rows: np.ndarray, known: np.ndarray, run: LabelledRun, labels: np.ndarray
) -> list[list[tuple[str, str, float]]]:
    if not len(known):
        return [[] for _ in rows]
    step = at_once(8 * vectors.shape[1], _ROWS)
    blocks = (known[start : start + step] for start in range(0, len(known), step))
    found = exact_nearest(((own, vectors[own]) for own in blocks), vectors[rows], NEIGHBOURS)
    ids = run.dataset.object_ids
    return [
        [
            (str(ids[row]), run.classes[labels[row]], float(c))
            for row, c in zip(near, cosines, strict=True)
            if row >= 0
        ]
        for near, cosines in zip(found.row, found.cosine, strict=True)
    ]


def _reason(
    chosen: Proposal,
    beliefs: Beliefs,
    near: list[list[tuple[str, str, float]]],
    classes: list[str],
    place: int,
) -> str:
    """Say in words why an object was chosen."""
    if chosen.strategy == "random":
        return "drawn at random"
    said = []
    if chosen.strategy == "typical":
        said.append("typical of a crowd in which nothing is labelled")
    if chosen.strategy not in BLIND:
        first, second = np.argsort(-beliefs.probability[place], kind="stable")[:2]
        p, q = beliefs.probability[place][[first, second]]
        said.append(
            f"undecided between {classes[first]} ({100 * p:.0f} %) and {classes[second]} "
            f"({100 * q:.0f} %)"
        )
    if beliefs.known and beliefs.disagreement[place] > APART:
        said.append("its modalities disagree: " + _votes(beliefs, classes, place))
    if near[place] and chosen.strategy not in ("margin", "entropy", "disagreement", "typical"):
        _, label, cosine = near[place][0]
        said.append(f"nearest labelled object: {label} at cosine {cosine:.2f}")
    return "; ".join(said)


def _votes(beliefs: Beliefs, classes: list[str], place: int) -> str:
    """What each modality alone says of an object."""
    said = []
    for name, values in beliefs.by_modality.items():
        if np.isfinite(values[place]).all():
            best = int(values[place].argmax())
            said.append(f"{name} says {classes[best]} ({100 * values[place][best]:.0f} %)")
    return ", ".join(said)


def _write_table(proposals: Proposals, path: Path) -> None:
    probabilities = [f"p_{name}" for name in proposals.classes]
    rows = [["object_id", "label", "guess", "reason", *probabilities]]
    for place, name in enumerate(proposals.object_id.tolist()):
        known = [""] * len(probabilities)
        if proposals.beliefs.known:
            known = [f"{p:.4f}" for p in proposals.beliefs.probability[place]]
        rows.append([name, "", proposals.guess(place), proposals.reasons[place], *known])
    write_csv(path, rows)


def _write_pages(run: Run, proposals: Proposals, path: Path) -> None:
    targets = targets_of(run.dataset, run.config.evaluation.targets)
    # no class from the catalogue: nobody shall be told the answer
    nobody = np.full(len(run.dataset), "", dtype=str)
    examples = load_examples(run.dataset, proposals.rows, targets, nobody, columns_of(run))
    described = _catalogue_rows(run, proposals.rows)
    pages = []
    for place, row in enumerate(proposals.rows.tolist()):
        examples[row].properties |= described[place]
        reason, votes = (
            proposals.reasons[place],
            _votes(proposals.beliefs, proposals.classes, place),
        )
        p = proposals.beliefs.probability[place]
        order = np.argsort(-p, kind="stable")[: NAMED if proposals.beliefs.known else 0]
        pages.append(
            LabelPage(
                examples[row],
                reason,
                [(proposals.classes[i], float(p[i])) for i in order],
                "" if votes in reason else votes,
                proposals.neighbours[place],
            )
        )
    write_label_pages(pages, proposals.classes, proposals.notes, run.dataset.schema.simulated, path)


def _catalogue_rows(run: Run, rows: np.ndarray) -> list[dict[str, str]]:
    """Position and the first features of some objects, as text with units."""
    columns = run.dataset.schema.columns
    names = ["ra", "dec", *[name for name, column in columns.items() if column.role == "feature"]]
    described: list[dict[str, str]] = [{} for _ in rows]
    for name in names[: 2 + FEATURES]:
        unit = f" {columns[name].unit}" if columns[name].unit else ""
        digits = ".5f" if name in ("ra", "dec") else ".4g"
        for entry, value in zip(described, run.dataset.numbers(name)[rows].tolist(), strict=True):
            if np.isfinite(value):
                entry[name] = f"{value:{digits}}{unit}"
    return described
