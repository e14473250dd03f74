"""What was computed of light curves, in sentences."""

from dataclasses import dataclass
from pathlib import Path

from skybind.words import join


@dataclass(frozen=True)
class FeatureSummary:
    """What was computed of one column of light curves.

    Attributes
    ----------
    observation : str
        The column.
    path : Path
        The table of computed columns.
    curves, periods, significant : int
        Light curves; those with a period; those with one whose false-alarm probability is below
        1e-3.
    columns : int
        How many were computed.
    bands, rare : tuple of str
        Bands with columns of their own; those too rare for that.
    computed : int
        Light curves that were worked on now; the others were done before.
    """

    observation: str
    path: Path
    curves: int
    periods: int
    significant: int
    columns: int
    bands: tuple[str, ...]
    rare: tuple[str, ...]
    computed: int

    @property
    def text(self) -> str:
        """What was computed, in sentences."""
        said = [
            f"{self.columns} columns are computed from '{self.observation}': "
            f"{self.curves:,} light curves, {self.periods:,} periods, {self.significant:,} of them "
            "with a false-alarm probability below 0.001."
        ]
        if self.bands:
            said.append(f"Features of their own have the bands {join(self.bands)}.")
        if self.rare:
            said.append(
                f"Too few objects were observed in {join(self.rare)} for features of their own."
            )
        if self.curves and not self.computed:
            said.append("All was there; nothing was computed.")
        return " ".join(said)
