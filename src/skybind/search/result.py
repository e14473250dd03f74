"""The result of a search: as a table in any usual format, and for the terminal."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from skybind.search.nearest import ClassPrediction, NumberPrediction, SpectrumPrediction
from skybind.search.query import Query
from skybind.tables import Notes, described

if TYPE_CHECKING:
    from rich.console import RenderableType


Prediction = NumberPrediction | ClassPrediction
#: Among which objects it is measured what is alike.
SEARCHED = "the objects searched"


@dataclass
class SearchResult:
    """What a search found: one row a match, the queries one after another.

    Attributes
    ----------
    queries : list of Query
    source, target : list of list of str, list of str
        For each query the modalities that it was searched by; those that were searched.
    query : ndarray of int64, shape (r,)
        Which query a match belongs to.
    rank : ndarray of int64, shape (r,)
        From 1.
    row : ndarray of int64, shape (r,)
        Row of the match in the embeddings.
    object_id : ndarray of str, shape (r,)
    cosine : ndarray of float64, shape (r,)
        Cosine similarity to the query.
    contrast : ndarray of float64, shape (r,), optional
        Cosine similarity to the query in the modality of the contrast.
    relation : ndarray of str, shape (r,)
        What the match is to the query (see `skybind.search.nearest.tell_relation`).
    split : ndarray of str, shape (r,)
    columns : dict of str to ndarray
        Columns of the dataset, of each match.
    described : dict of str to (unit or None, description)
        Of these columns.
    predictions : list of list
        For each query, what its matches (but for itself) predict of each column asked for.
    spectra : list of SpectrumPrediction
        For each query one of each column of spectra that was to be predicted.
    searched : int
        Objects that were compared: those that the filters left and that have the modality (by
        an index with filters: at most so many).
    alike : list of float
        For each query the cosine from which a match is alike: all but one in a hundred of the
        objects that were searched reach it with their nearest other; NaN where these are few.
    among : str
        Among which objects that was measured: by an index with filters it is "all objects".
    recall : float, optional
        Of the index, by which the search was made; None for an exact search. Cosines are exact
        either way.
    probes, lists : int, optional
        How many of the index's lists were looked at (nprobe).
    notes : list of str
        Sentences for the reader.
    reads : dict of str to str
        Modality -> column that the model of the embeddings reads; empty where that is not known.
    """

    queries: list[Query]
    source: list[list[str]]
    target: list[str]
    query: np.ndarray
    rank: np.ndarray
    row: np.ndarray
    object_id: np.ndarray
    cosine: np.ndarray
    contrast: np.ndarray | None
    relation: np.ndarray
    split: np.ndarray
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    described: dict[str, Notes] = field(default_factory=dict)
    predictions: list[list[Prediction]] = field(default_factory=list)
    spectra: list[SpectrumPrediction] = field(default_factory=list)
    searched: int = 0
    alike: list[float] = field(default_factory=list)
    among: str = SEARCHED
    recall: float | None = None
    probes: int | None = None
    lists: int | None = None
    notes: list[str] = field(default_factory=list)
    reads: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.row)

    def spectra_of(self, number: int) -> list[SpectrumPrediction]:
        """Return the spectra that are predicted of a query."""
        each = len(self.spectra) // len(self.queries)
        return self.spectra[number * each : (number + 1) * each]

    @property
    def how(self) -> str:
        """Whether every object was compared, or how many lists of an index."""
        if self.recall is None:
            return "exact"
        part = f"nprobe {self.probes:,} of {self.lists:,} lists"
        return f"approximate, by index: {part}, recall {self.recall:.3f}"

    @property
    def told(self) -> list[str]:
        """The notes, and that the search was approximate, if it was."""
        return self.notes + ([] if self.recall is None else [f"The search was {self.how}."])

    def to_arrow(self) -> pa.Table:
        """Give the table of matches."""
        names = np.asarray([query.name for query in self.queries], dtype=str)
        arrays = {"query": names[self.query], "rank": self.rank, "object_id": self.object_id}
        arrays["cosine"] = self.cosine
        if self.contrast is not None:
            arrays["contrast"] = self.contrast
        arrays |= {"relation": self.relation, "split": self.split, **self.columns}
        table = pa.table(
            {
                name: pa.array(values.tolist(), pa.string())
                if values.dtype.kind in "UO"
                else pa.array(values, from_pandas=True)
                for name, values in arrays.items()
            }
        )
        return described(table, {**self.described, **TOLD})


#: Columns of a table of matches.
TOLD: dict[str, Notes] = {
    "query": (None, "What was searched for"),
    "rank": (None, "Of the match, from 1"),
    "object_id": (None, "Name of the match"),
    "cosine": (None, "Cosine similarity of the embeddings of query and match"),
    "contrast": (None, "The same in the modality of the contrast"),
    "relation": (None, "What the match is to the query"),
    "split": (None, "Part of the split that the match belongs to"),
}


def predicted_table(predicted: SpectrumPrediction) -> pa.Table:
    """Give a predicted spectrum as a table: wavelength [Angstrom], flux, spread, n.

    In the rest frame the first column is `rest_wavelength`.
    """
    axis = "rest_wavelength" if predicted.frame == "rest" else "wavelength"
    table = pa.table(
        {
            axis: predicted.wavelength,
            "flux": pa.array(predicted.flux, from_pandas=True),
            "spread": pa.array(predicted.spread, from_pandas=True),
            "n": predicted.n,
        }
    )
    notes: dict[str, Notes] = {
        axis: ("Angstrom", predicted.axis),
        "flux": (None, "Mean flux of the matches, each divided by its median"),
        "spread": (None, "Standard deviation of these"),
        "n": (None, "Matches observed at this wavelength"),
    }
    return described(table, notes)


def render_result(result: SearchResult, shown: int = 50) -> "RenderableType":
    """Give what `skybind search` prints, for a rich console."""
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    parts: list[RenderableType] = []
    for i, query in enumerate(result.queries):
        title = (
            f"{query.name}: {' + '.join(result.source[i])} -> {' + '.join(result.target)} "
            f"({result.searched:,} objects, {result.how})"
        )
        table = result.to_arrow().filter(pa.array(result.query == i)).drop_columns("query")
        rich_table = Table(title=escape(title), title_justify="left")
        for name in table.column_names:
            number = not pa.types.is_string(table.schema.field(name).type)
            rich_table.add_column(
                escape(name), justify="right" if number else "left", no_wrap=name == "object_id"
            )
        for row in table.slice(0, shown).to_pylist():
            rich_table.add_row(*(escape(_cell(name, value)) for name, value in row.items()))
        parts.append(rich_table)
        if result.predictions and result.predictions[i]:
            parts.append("\n".join(_sentence(p) for p in result.predictions[i]))
    parts += [escape(note) for note in result.notes]
    return Group(*parts)


def _sentence(prediction: Prediction) -> str:
    if isinstance(prediction, ClassPrediction):
        shares = ", ".join(f"{name} {share:.0%}" for name, share in prediction.fractions.items())
        return f"{prediction.column} by {prediction.n} matches: {shares or 'not known'}"
    return (
        f"{prediction.column} by {prediction.n} matches: {prediction.mean:.5g} "
        f"± {prediction.spread:.2g} (median {prediction.median:.5g})"
    )


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}" if name in ("ra", "dec") else f"{value:.5g}"
    return str(value)
