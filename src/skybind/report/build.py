"""Putting the report together: one HTML file that needs nothing else."""

from pathlib import Path

from skybind.config.subsets import labels_of_subset
from skybind.drawing.cells import number, rank, readable_time, share
from skybind.drawing.page import Fact, render_page
from skybind.drawing.style import combination_name, report_style
from skybind.files import write_text
from skybind.measures.significance import FEWEST
from skybind.report.data import ReportData
from skybind.report.groups import accuracy_groups, headline, retrieval_groups
from skybind.report.regression import best_zero_shot
from skybind.report.sections import all_sections

PREDICTED = 2  # targets at the top of the report


def build_report(run: ReportData, out: str | Path) -> Path:
    """Write the report of a run as one HTML file.

    Figures and style are inside; no other file, network or script is needed to read it. A part
    of the run that is missing is a sentence in the report, never an error.

    Parameters
    ----------
    run : ReportData
        Numbers, map and example objects.
    out : str or Path
        Where the file shall stand.

    Returns
    -------
    Path
        The file.
    """
    out = Path(out)
    write_text(out, render_report(run))
    return out


def render_report(run: ReportData) -> str:
    """Give the report as HTML text."""
    with report_style():
        sections = all_sections(run)
    return render_page(
        run.metrics.title or "skybind run",
        run.simulated,
        headline_facts(run),
        sections,
        kind="run report",
        created=readable_time(run.metrics.created),
        config=run.config.strip(),
        links=run.links,
    )


def headline_facts(run: ReportData) -> list[Fact]:
    """Choose the few numbers that a reader wants first."""
    metrics, dataset = run.metrics, run.metrics.dataset
    facts = []
    if dataset is not None and dataset.n_objects is not None:
        facts.append(Fact(number(dataset.n_objects), "objects"))
    if dataset is not None and dataset.modalities:
        names = ", ".join(dataset.modalities)
        word = "modality" if len(dataset.modalities) == 1 else "modalities"
        facts.append(Fact(str(len(dataset.modalities)), f"{word}: {names}"))
    best = headline(accuracy_groups(metrics.classification))
    if best is not None and not best.few:
        words = f"{combination_name(best.modalities)}, {best.start.lower()}"
        facts.append(
            Fact(
                f"{share(best.accuracy, best.error)} %",
                f"accuracy on test ({words}, {labels_of_subset(best.subset)})",
            )
        )
    for target in list(dict.fromkeys(entry.target for entry in metrics.regression))[:PREDICTED]:
        found = best_zero_shot(metrics.regression, target)
        if found is not None:
            words = f"R² of {target} from the {found.predict[0]}, zero-shot on test"
            if found.truth is not None:  # the catalogue's first: figure and real surveys have that
                words += f", against the catalogue (against the truth {found.truth.r2:z.3f})"
            facts.append(Fact(f"{found.r2:z.3f}", words))
    entries = retrieval_groups(metrics.retrieval)
    # the best of several is above chance by chance, and of few queries any is
    if entries and min(entry.n for entry in entries) >= FEWEST:
        entries.sort(key=lambda entry: entry.median_rank / entry.chance_median_rank)
        middle = entries[len(entries) // 2]
        which = f" in the middle one of {len(entries)} pairs," if len(entries) > 2 else ","
        words = f"median rank of the partner{which} {middle.query} → {middle.target} "
        facts.append(
            Fact(rank(middle.median_rank), f"{words}(chance {rank(middle.chance_median_rank)})")
        )
    return facts
