"""Write the documents in docs/ that are made from records in the code: `make docs`."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from skybind.discovery.records import DiscoverRecord
from skybind.evaluation.records import Metrics
from skybind.record import Record, markdown, nested

DOCS = Path(__file__).parents[1] / "docs"

NOTE = "<!-- Made by tools/documents.py from records of the code: change them, then make docs -->\n"

METRICS = """\
# metrics.json
What `skybind evaluate` writes into the run's folder; in Python `run.evaluate()` gives it, and
`skybind.evaluation.records.read_metrics` reads it. A number that is not known is null. Fractions
lie in 0 to 1, times are in seconds, errors are one standard error. A *combination* is a list of
modality names, such as `["photometry", "spectrum"]`. What a later version adds is kept by an older
one that writes the file again.
"""

DISCOVER = """\
# discover.json
What `skybind discover` writes into `RUN/discover/`; [discovery.md](discovery.md) says how to read
it.
"""


def metrics() -> str:
    """Every key of metrics.json and of discover.json."""
    known = [Metrics, *nested(Metrics)]
    more = [DiscoverRecord, *(r for r in nested(DiscoverRecord) if r not in known)]
    return "\n".join([NOTE, _flow(METRICS), *_told(known), _flow(DISCOVER), *_told(more)])


def _flow(text: str) -> str:
    """Join the lines of the text below a heading: a paragraph is one line."""
    heading, _, rest = text.partition("\n")
    return f"{heading}\n{' '.join(rest.split())}\n"


def _told(records: Sequence[type[Record]]) -> list[str]:
    first, *others = records
    told = [markdown(first), *(f"## {record.__name__}\n{markdown(record)}" for record in others)]
    return [f"{text}\n" for text in told]


#: File in docs/ -> what makes it.
DOCUMENTS: dict[str, Callable[[], str]] = {"metrics.md": metrics}


def main() -> None:
    """Write all documents."""
    for name, make in DOCUMENTS.items():
        (DOCS / name).write_text(make(), encoding="utf-8")
        print(f"{DOCS / name} is written.", file=sys.stderr)


if __name__ == "__main__":
    main()
