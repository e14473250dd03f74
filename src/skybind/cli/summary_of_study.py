"""The tables that the command line shows of a study."""

from rich.console import Group, RenderableType
from rich.table import Table

from skybind.study.forecast import words_of
from skybind.study.status import StudyStatus
from skybind.words import duration


def render_status(status: StudyStatus) -> RenderableType:
    """Render how far a study is for a terminal."""
    table = Table(title="Units of work", title_justify="left")
    table.add_column("configuration")
    table.add_column("kind")
    for name in ("done", "under way", "failed", "to do", "time spent", "time left"):
        table.add_column(name, justify="right")
    for count in status.counts:
        table.add_row(
            count.configuration,
            count.kind,
            *(str(n) for n in (count.done, count.under_way, count.failed, count.to_do)),
            duration(count.spent) if count.spent else "",
            "not known" if count.left is None else duration(count.left) if count.left else "",
        )
    parts: list[RenderableType] = [table]
    for name, holder in status.holders.items():
        parts.append(
            f"under way: {name} on {holder.host}, process {holder.pid}, since "
            f"{holder.since[:19]} UTC"
        )
    parts += [f"failed: {name}: {reason}" for name, reason in status.failed.items()]
    spent = f"time spent: {duration(status.spent)}; " if status.spent else ""
    parts.append(f"{spent}{words_of(status)}")
    return Group(*parts)
