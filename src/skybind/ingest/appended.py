"""What an append did, in numbers and in sentences."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Appended:
    """What an append did, or would do.

    Attributes
    ----------
    path : Path
        The dataset.
    source : str
        What was appended.
    before, after : int
        Objects.
    changed : int
        Objects that were there, with new observations or values.
    counts : dict of str to int
        What happened, in words; nothing that did not happen.
    notes : list of str
        What was converted, is lacking, or was set aside, in sentences.
    fingerprint : str
        Of the dataset now.
    dry : bool
        Whether nothing was written.
    aside : int
        Objects that were set aside.
    """

    path: Path
    source: str
    before: int
    after: int
    changed: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    fingerprint: str = ""
    dry: bool = False
    aside: int = 0

    @property
    def nothing(self) -> bool:
        """Whether no object is new or changed: the dataset has it already, or it is set aside."""
        return self.after == self.before and not self.changed

    @property
    def text(self) -> str:
        """What happened, in sentences."""
        counts = [f"{what}: {n:,}." for what, n in self.counts.items() if n]
        if self.nothing and self.aside:
            head = (
                f"Nothing of {self.source} comes to {self.path}: what is not set aside is there "
                "already."
            )
        elif self.nothing:
            head = f"{self.path} has all of {self.source} already: nothing is changed."
        else:
            would = "would be" if self.dry else "are"
            head = (
                f"{self.after - self.before:,} objects {would} new in {self.path} "
                f"({self.after:,} in all), and {self.changed:,} that were there {would} changed."
            )
        return " ".join([head, *counts, *self.notes])
