"""Queues: which objects to look at one after another, and why."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from skybind.discovery.measures.outliers import COMBINED, upper_tail
from skybind.discovery.reasons import RARE
from skybind.discovery.table import SIGMAS, SURE_PERIOD, read_discovery
from skybind.errors import DataError
from skybind.explore.kept import Kept
from skybind.explore.survey import Survey
from skybind.labelling.propose import propose_labels
from skybind.runs.embedding import stored_embeddings
from skybind.words import nearest

#: Objects that are proposed at a time.
PROPOSED = 50
#: Below this probability of its likeliest class the classifier is undecided.
UNDECIDED = 0.5
#: How the name of a queue begins that is a kept selection; the selection's own follows.
KEPT = "kept:"
#: How a column of the table of outliers begins that tells how lonely an object is.
LONELY = ("isolation_", "density_", "distance_")

NO_DISCOVERIES = "'skybind discover {folder}' finds suspects; then start the explorer again."


@dataclass(frozen=True)
class Queue:
    """Objects to look at, the most wanted first.

    Attributes
    ----------
    name, title, description : str
    rows : ndarray of int, shape (n,)
        Of the dataset.
    why : list of str
        What is asked of each.
    suggested : list of str
        The class that is suggested for each; "" for none.
    notes : list of str
        Sentences.
    """

    name: str
    title: str
    description: str
    rows: np.ndarray
    why: list[str]
    suggested: list[str]
    notes: list[str] = field(default_factory=list)


def queues_of(survey: Survey) -> dict[str, Queue]:
    """Return all queues of a run that need no computing, by name; none is empty."""
    found = [*_suspects(survey), *_without_class(survey), *_undecided(survey)]
    return {queue.name: queue for queue in found if len(queue.rows)}


def next_queue(survey: Survey) -> Queue:
    """Return what to label next, as `skybind label propose` chooses it.

    Where the catalogue labels every training object, they are proposed as if its labels were not
    known.

    Raises
    ------
    DataError
        If nothing is left to propose, or the embeddings are not those of the run's model.
    """
    stored_embeddings(survey.run)  # nothing is embedded for a look
    try:
        found = propose_labels(survey.run, PROPOSED)
        notes = list(found.notes)
    except DataError:
        found = propose_labels(survey.run, PROPOSED, only_answers=True)
        notes = [
            "The catalogue labels every training object: these are proposed as if its labels "
            "were not known.",
            *found.notes,
        ]
    guesses = [found.guess(place) for place in range(len(found))]
    return Queue(*NEXT, found.rows, found.reasons, guesses, notes)


NEXT = (
    "next",
    "What to label next",
    f"The {PROPOSED} objects whose labels teach most, as 'skybind label propose' chooses them",
)


def kept_queue(survey: Survey, selection: str) -> Queue:
    """Return the objects of a kept selection as a queue, in the order of the dataset.

    Raises
    ------
    DataError
        If there is no such selection.
    """
    rows = Kept(survey).rows(selection)
    why = [f"in the selection '{selection}'"] * len(rows)
    suggested = [""] * len(rows)
    if survey.classes is not None:
        table = survey.classes.table.select(["class", "probability"]).take(pa.array(rows))
        pairs = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        suggested = [name or "" for name, _ in pairs]
        why = [
            f"{text}; classified {name} ({100 * p:.0f} %)" if name else text
            for text, (name, p) in zip(why, pairs, strict=True)
        ]
    says = "A selection that is kept with the run"
    return Queue(f"{KEPT}{selection}", f"Selection {selection}", says, rows, why, suggested)


def find_queue(known: dict[str, Queue], name: str, folder: object) -> Queue:
    """Return a queue by its name.

    Raises
    ------
    DataError
        If there is none of that name.
    """
    if name not in known:
        hint = nearest(name, [*known, NEXT[0]])
        if "suspects" not in known:
            hint = NO_DISCOVERIES.format(folder=folder)
        raise DataError(f"There is no queue '{name}': {hint}")
    return known[name]


def _suspects(survey: Survey) -> list[Queue]:
    """Queues by what `skybind discover` doubts."""
    table = survey.suspects
    if table is None:
        return []
    rows = survey.places.rows(table["object_id"])
    reasons = np.asarray([text or "" for text in table["reasons"].to_pylist()], object)
    suggested = np.asarray([text or "" for text in table["suggested_label"].to_pylist()], object)

    def queue(name: str, title: str, says: str, score: np.ndarray, least: float) -> Queue:
        order = np.argsort(-np.nan_to_num(score, nan=-np.inf), kind="stable")
        order = order[(score[order] > least) & (rows[order] >= 0)]
        why = [text or "nothing about it is rare" for text in reasons[order].tolist()]
        return Queue(name, title, says, rows[order], why, suggested[order].tolist())

    made = [
        queue(
            "suspects",
            "All suspects",
            "Everything that is rare about an object, the most suspect first",
            np.where(reasons != "", _numbers(table, "suspicion"), np.nan),
            -np.inf,
        )
    ]
    if "label_doubt" in table.column_names:
        says = "Another class has more of the neighbours' votes than the catalogue's"
        doubted = queue("label", "Doubted labels", says, _numbers(table, "label_doubt"), 0.0)
        made.append(replace(doubted, why=_said_of_labels(survey, doubted)))
    if "period_doubt" in table.column_names:
        says = "The period of the catalogue looks like half or twice the true one"
        score = _numbers(table, "period_doubt")
        made.append(queue("period", "Doubted periods", says, score, SURE_PERIOD))
    for column in table.column_names:
        name = column.removesuffix("_doubt")
        if f"{name}_expected" in table.column_names and column != name:
            says = f"{name} of the catalogue is far from what the neighbours say"
            made.append(queue(name, f"Doubted {name}", says, _numbers(table, column), SIGMAS))
    says = f"Two modalities fit together less well than in {100 * (1 - RARE):.0f} % of the others"
    score = _rarity(table, lambda name: name.startswith("disagreement_"))
    made.append(queue("disagreement", "Modalities that disagree", says, score, -np.log10(RARE)))
    says = "Unlike any other object, or in no cluster of the whole survey"
    score = _rarity(table, lambda name: name.startswith(LONELY) and not name.endswith(COMBINED))
    alone = table["in_no_cluster"].to_numpy() | (score > -np.log10(RARE))
    score = np.where(alone, _numbers(table, "suspicion"), np.nan)
    made.append(queue("loner", "Loners", says, score, -np.inf))
    return made


def _said_of_labels(survey: Survey, queue: Queue) -> list[str]:
    """Say of each object what the neighbours doubt, where its reasons do not say so yet."""
    said = []
    names = survey.run.class_names[queue.rows].tolist()
    for own, other, reasons in zip(names, queue.suggested, queue.why, strict=True):
        doubt = f"labelled {own}, but more of the neighbours' votes say {other}"
        said.append(reasons if reasons.startswith("labelled ") else f"{doubt}; {reasons}")
    return said


def _numbers(table: pa.Table, column: str) -> np.ndarray:
    return np.asarray(table[column].to_numpy(), float)


def _rarity(table: pa.Table, wanted: Callable[[str], bool]) -> np.ndarray:
    """Largest -log10 of the share of training objects that are as strange in some columns."""
    reference = np.flatnonzero(np.asarray(table["split"].to_pylist()) == "train")
    rarest = np.full(len(table), np.nan)
    for name in table.column_names:
        if wanted(name):
            tail = upper_tail(_numbers(table, name), reference)
            rarest = np.fmax(rarest, -np.log10(tail))
    return rarest


def _without_class(survey: Survey) -> list[Queue]:
    """Objects of no class in use, where `skybind discover` looked at them: the surest first."""
    path = survey.run.paths.discover.labels()
    if not path.exists():
        return []
    table = read_discovery(path)
    rows = survey.places.rows(table["object_id"])
    there = rows >= 0
    why = [
        f"{f'labelled {label}, which is no class in use' if label else 'without a label'}; "
        f"{suggested} with {100 * p:.0f} %"
        for label, suggested, p in zip(
            *(table[name].to_pylist() for name in ("label", "suggested", "probability")),
            strict=True,
        )
    ]
    says = "No class, or one that the run does not use; the surest suggestion first"
    return [
        Queue(
            "unlabelled",
            "Of no class in use",
            says,
            rows[there],
            [text for text, known in zip(why, there, strict=True) if known],
            np.asarray(table["suggested"].to_pylist(), object)[there].tolist(),
        )
    ]


def _undecided(survey: Survey) -> list[Queue]:
    """Objects of which the classifier gives no class one half, the least decided first."""
    if survey.classes is None or len(survey.classes.classes) < 2:
        return []
    names = survey.classes.classes
    probability = survey.classes.probability
    best = probability.max(axis=1)  # NaN where the classifier sees nothing
    rows = np.flatnonzero(best < UNDECIDED)
    margin = np.diff(np.partition(probability[rows], -2, axis=1)[:, -2:], axis=1)[:, 0]
    rows = rows[np.argsort(margin, kind="stable")]
    order = np.argsort(-probability[rows], axis=1, kind="stable")[:, :2]
    why = [
        f"undecided between {names[a]} ({100 * probability[row, a]:.0f} %) and {names[b]} "
        f"({100 * probability[row, b]:.0f} %)"
        for row, (a, b) in zip(rows.tolist(), order.tolist(), strict=True)
    ]
    says = "The classifier gives no class more than one half"
    suggested = [names[first] for first in order[:, 0].tolist()]
    return [Queue("undecided", "Undecided classes", says, rows, why, suggested)]
