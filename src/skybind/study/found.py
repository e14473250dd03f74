"""What the searches of hyper-parameters of a study found, as a table."""

import statistics
from typing import Any

from skybind.drawing.cells import NONE, Table, cells, number
from skybind.errors import DataError
from skybind.study.exhibits import Exhibit
from skybind.study.merge import PRETRAINING, Study
from skybind.words import join


def searched(name: str, key: str, title: str, study: Study) -> Exhibit:
    """What was chosen for each training of a configuration, and by what.

    Raises
    ------
    DataError
        If no search is done.
    """
    found = study.searches(name)
    if not found:
        raise DataError("No search of hyper-parameters is done yet.")
    order = sorted(found, key=lambda objective: objective != PRETRAINING)
    rows = []
    for objective in order:
        entry = found[objective]
        values = [value for value in entry.trials if value is not None]
        rows.append(
            cells(
                objective,
                f"{len(values):,} of {len(entry.trials):,}",
                entry.measure,
                number(entry.value, 4),
                number(statistics.median(values) if values else None, 4),
                _chosen(entry.best),
            )
        )
    head = ["For", "Trials that ended", "Judged by", "Best", "Median", "Chosen"]
    caption = (
        f"The best of the trials by the validation objects of seed {study.seeds[0]}, which is used "
        "for all seeds; the best of many is better there than it is elsewhere. Trials that are "
        "missing failed or were stopped early."
    )
    apart = next(iter(found.values())).apart_from
    unheeded = [str(seed) for seed in study.seeds[1:] if seed not in apart]
    if apart:
        seeds = join([str(seed) for seed in apart])
        caption += f" Objects that the runs of the seeds {seeds} test took no part in the searches."
    if unheeded:
        caption += (
            f" Where the seeds {join(unheeded)} have splits of their own, objects that their runs "
            "test were among the training and validation objects of the searches: too few are left "
            "without them, or these seeds were added later."
        )
    return Exhibit(key, "", title, caption, table=Table(head, rows, text_columns=3))


def _chosen(best: dict[str, Any]) -> str:
    """Keys by their last parts, which tell them apart within one search, and values."""
    words = []
    for key, value in best.items():
        section, _, rest = key.removeprefix("finetuning.overrides.").partition(".")
        short = f"{section}.{rest}" if section in ("training", "modalities") else rest
        words.append(f"{short} {value:.3g}" if isinstance(value, float) else f"{short} {value}")
    return "; ".join(words) or NONE
