"""What a search and a discovery give, as people look at it."""

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from skybind.data.dataset import Dataset
from skybind.runs.layout import RunPaths

if TYPE_CHECKING:
    from astropy.table import Table
    from matplotlib.figure import Figure

    from skybind.discovery.records import DiscoverRecord
    from skybind.search.result import SearchResult


@dataclass(repr=False)
class Matches:
    """What a search found.

    Attributes
    ----------
    result : SearchResult
        Everything that is known of the matches.
    dataset : Dataset
        That they belong to.
    """

    result: "SearchResult"
    dataset: Dataset

    @property
    def table(self) -> "Table":
        """One row a match: query, rank, object_id, cosine, relation, labels."""
        from skybind.astropy_tables import to_astropy

        return to_astropy(self.result.to_arrow())

    def plot(self, number: int = 0) -> "Figure":
        """Draw a query (the first by default) and its best matches."""
        from skybind.search.figure import draw_search

        return draw_search(self.result, self.dataset, number)

    def __len__(self) -> int:
        return len(self.result)

    def __repr__(self) -> str:
        names = ", ".join(query.name for query in self.result.queries)
        where = " + ".join(self.result.target)
        return f"<Matches of {names}: {len(self)}, in {where}>\n{self.table}"

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.result.told)
        return self.table._repr_html_() + notes


@dataclass(repr=False)
class Discoveries:
    """What the embeddings tell by themselves.

    Attributes
    ----------
    record : DiscoverRecord
        Every number of the page.
    folder : Path
        Of the run.
    """

    record: "DiscoverRecord"
    folder: Path

    @property
    def outliers(self) -> "Table":
        """All objects, the most suspect first."""
        from skybind.astropy_tables import to_astropy
        from skybind.discovery.table import read_discovery

        return to_astropy(read_discovery(RunPaths(self.folder).discover.outliers()))

    @property
    def page(self) -> Path:
        """The page, one file that opens offline."""
        return RunPaths(self.folder).discover_page

    def __repr__(self) -> str:
        return f"<Discoveries among {self.record.n_objects:,} objects: {self.page}>"
