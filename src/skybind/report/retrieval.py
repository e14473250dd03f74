"""The report's page on retrieval across modalities, beside plain methods and controls."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from skybind.drawing.blocks import Block, Section, figure_block
from skybind.drawing.cells import NONE, Cell, Table, cells, share
from skybind.evaluation.records import Metrics
from skybind.evaluation.retrieval import BRIGHTNESS, CONTROLS, LIKELIHOOD
from skybind.measures.correlation import FEWEST as PAIRS_NEEDED
from skybind.measures.significance import FEWEST
from skybind.report import tables
from skybind.report.data import ReportData
from skybind.report.figures.bars import retrieval_bars
from skybind.report.groups import SEEDS_TOO, Rival, retrieval_groups, rival_groups
from skybind.words import join

NO_CORRELATION = (
    f"Canonical correlation is left out: it needs {PAIRS_NEEDED} training objects with both "
    "modalities, whose statistics vary."
)
CORRELATION_WORDS = (
    " Canonical correlation: of simple statistics of the observations and their brightness, "
    "regularised, fitted on the training objects, by the likelihood ratio of one object to two or "
    "by the cosine."
)
LIGHT_WORDS = (
    " Like brightness: the same among candidates within 0.3 mag of the query's object: compare "
    "with brightness alone in the same column."
)
BEST_WORDS = (
    " Bold: significantly best of its pair (by more than twice the combined standard error, "
    "controls left out, of ten queries or more)."
)


def rival_words(rivals: Sequence[Rival]) -> str:
    """Say what the table of methods has, and nothing of what it has not."""
    methods = {entry.method for entry in rivals}
    correlated = LIKELIHOOD in methods
    told = "What a statistician would do with the same objects [%]."
    told += CORRELATION_WORDS if correlated else f" {NO_CORRELATION}"
    told += " Beaten: wrong candidates that lie behind the partner, chance 50."
    if any(entry.n_matched for entry in rivals):
        told += (
            LIGHT_WORDS if BRIGHTNESS in methods else LIGHT_WORDS.partition(": compare")[0] + "."
        )
    if methods & set(CONTROLS):
        told += " Exchanged pairs are controls and must give chance."
    return told + BEST_WORDS


def rival_table(rivals: Sequence[Rival]) -> Table:
    """Every method by ordered pair: recall, and wrong candidates beaten, all and of like light."""
    ks = sorted({k for entry in rivals for k in entry.recall if k in (1, 10)})
    rows = []
    for pair in dict.fromkeys((entry.query, entry.target) for entry in rivals):
        own = [entry for entry in rivals if (entry.query, entry.target) == pair]
        own.sort(key=lambda entry: entry.method in CONTROLS)  # these last
        for number, entry in enumerate(own):
            quiet = "quiet" if entry.method in CONTROLS else ""
            row = cells(" → ".join(pair) if not number else "", entry.method)
            row += [Cell(share(entry.recall.get(k), entry.recall_error.get(k)), quiet) for k in ks]
            for values in ("beaten", "matched"):
                value, error = getattr(entry, values)
                kind = quiet or ("strong" if _is_best(entry, own, values) else "")
                row.append(Cell(share(value, error) if np.isfinite(value) else NONE, kind))
            rows.append(row)
    header = ["Query → target", "Method", *(f"Recall@{k}" for k in ks)]
    return Table([*header, "Beaten", "Beaten, like brightness"], rows, text_columns=2)


def _is_best(entry: Rival, every: Sequence[Rival], values: str) -> bool:
    """Whether it is above all others by twice the combined error, on queries enough to tell."""
    n = entry.n if values == "beaten" else entry.n_matched
    if n < FEWEST:
        return False
    own, error = getattr(entry, values)
    others = [
        getattr(other, values)
        for other in every
        if other is not entry and other.method not in CONTROLS
    ]
    known = [(value, e) for value, e in others if np.isfinite(value)]
    return bool(known) and all(own - value > 2 * np.hypot(error, e) for value, e in known)


def brightness_words(metrics: Metrics) -> str:
    """Say what the brightness of each modality was taken from, and whose candidates share."""
    if metrics.brightness is None:
        return ""
    known = {name: source for name, source in metrics.brightness.items() if source}
    told = [f"of {name} {source}" for name, source in known.items()]
    unknown = [name for name in metrics.brightness if name not in known]
    words = f" Brightness: {join(told)}." if told else ""
    if unknown:
        words += f" That of {join(unknown)} is not known."
    by: dict[str, list[str]] = {}
    for entry in metrics.retrieval_rivals or []:
        if entry.matched_by is not None:
            pair = " and ".join(sorted((entry.query, entry.target)))
            by.setdefault(entry.matched_by, []).append(pair)
    matched = [f"{join(list(dict.fromkeys(pairs)), 'or')} by {n}" for n, pairs in by.items()]
    return f"{words} Candidates are matched: {'; '.join(matched)}." if matched else words


def compared_among(metrics: Metrics) -> int | None:
    """Return how many test objects plain methods were compared on; None where on all."""
    every = {(entry.query, entry.target): entry.n for entry in metrics.retrieval}
    rivals = metrics.retrieval_rivals or []
    fewer = [one.n for one in rivals if one.n < every.get((one.query, one.target), one.n)]
    return max(fewer, default=None)


def _mark_words(methods: set[str]) -> str:
    """What the marks of other methods mean, of those that are drawn."""
    marks = {
        LIKELIHOOD: "square: canonical correlation of simple statistics",
        BRIGHTNESS: "cross: brightness alone",
    }
    words = "; ".join(text for method, text in marks.items() if method in methods)
    return f" {words[:1].upper()}{words[1:]}." if words else ""


def retrieval_section(run: ReportData) -> Section:
    """Retrieval of each pair against chance."""
    entries = retrieval_groups(run.metrics.retrieval)
    title = "Retrieval across modalities"
    if not entries:
        return Section(
            "retrieval",
            title,
            absent="Retrieval needs two test objects or more that were observed in the same two "
            "modalities.",
        )
    text = (
        "One view of an object is the query; the other view of the same object is looked for "
        "among those of all test objects that have both. Ties count as broken at random."
    )
    errors = (
        SEEDS_TOO
        if max(entry.n_seeds for entry in entries) > 1
        else "Errors are standard errors from the number of test objects."
    )
    caption = "Recall@k: queries whose partner is among the k nearest, against chance."
    if any(value == 0 for entry in entries for value in entry.recall.values()):
        caption += " An arrow at the left edge: none found."
    rivals = rival_groups(run.metrics.retrieval_rivals or [])
    sample = compared_among(run.metrics)
    # what was found among fewer candidates has no place beside what was found among all
    drawn = [] if sample else rivals
    if drawn:
        caption += _mark_words({entry.method for entry in drawn})
    figure = figure_block(
        partial(retrieval_bars, entries, drawn), caption, run, "Recall beside chance by pair"
    )
    table = Block(
        f"Recall and median rank of the partner (1 is best). {errors}",
        table=tables.retrieval_table(entries),
    )
    blocks = [figure, table]
    if rivals:
        words = f"{rival_words(rivals)}{brightness_words(run.metrics)}"
        if sample:
            words += f" Among {sample:,} test objects drawn by the seed at most, ours too."
        blocks.append(Block(words, table=rival_table(rivals)))
    return Section("retrieval", title, text, blocks)
