"""Cross-matching two catalogues by position."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from skybind.astropy_tables import to_astropy
from skybind.data.sky import NEARLY, Judged, judge, tree_of
from skybind.errors import ConfigError
from skybind.ingest.catalogues import Places, read_catalogue
from skybind.ingest.chance import Chance, chance_near, estimate_chance
from skybind.ingest.hats_match import NearHats, near_hats
from skybind.progress import step
from skybind.tables import check_ending, write_table

if TYPE_CHECKING:
    from astropy.table import Table

CLEAR, SEVERAL, SECOND = "clear", "several", "second"
TAKEN, NONE, NO_POSITION = "taken", "none", "no position"
#: What each status of an object means, for people.
MEANINGS = {
    CLEAR: "one candidate, and no other nearly as near",
    SEVERAL: "more than one candidate within the radius, around either of the two",
    SECOND: f"one candidate, but another beyond the radius within {NEARLY:g} times its separation",
    TAKEN: "its nearest candidate is nearer to another object",
    NONE: "nothing within the radius",
    NO_POSITION: "no position",
}


@dataclass(repr=False)
class Crossmatch:
    """What a cross-match found: one row a pair, in the order of A.

    Attributes
    ----------
    a, b : Places
        The two catalogues.
    radius : float
        [arcsec].
    epoch : float or None
        That A and B were moved to [Julian yr]; None if nothing was moved.
    row_a, row_b : ndarray of int, shape (r,)
        Rows of `a` and `b`; -1 where B has none.
    separation, second : ndarray, shape (r,)
        Of the pair, and of the nearest other neighbour of either (NaN for none within 1.5 times
        the radius) [arcsec].
    candidates_a, candidates_b : ndarray of int, shape (r,)
        Objects of B within the radius around the object of A, and of A around that of B.
    status : ndarray of str, shape (r,)
        See `MEANINGS`.
    unmatched_b : int
        Objects of B with a position in no pair.
    chance : Chance or None
        None where the field is too small for an estimate.
    notes : list of str
        Sentences for the reader.
    """

    a: Places
    b: Places
    radius: float
    epoch: float | None
    row_a: np.ndarray
    row_b: np.ndarray
    separation: np.ndarray
    second: np.ndarray
    candidates_a: np.ndarray
    candidates_b: np.ndarray
    status: np.ndarray
    counts: dict[str, int]
    unmatched_b: int
    chance: Chance | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def n_pairs(self) -> int:
        """Pairs."""
        return int((self.row_b >= 0).sum())

    @property
    def table(self) -> "Table":
        """The pairs as a table of astropy."""
        return to_astropy(self.to_arrow())

    def to_arrow(self) -> pa.Table:
        """Give the pairs as an Arrow table; without a pair, its columns are null."""
        alone = self.row_b < 0
        other = np.where(alone, 0, self.row_b)
        ra, dec = self.a.ra[self.row_a], self.a.dec[self.row_a]
        nowhere = ~np.isfinite(ra + dec)
        columns: list[tuple[str, pa.Array, str | None, str]] = [
            ("a_id", pa.array(self.a.object_id[self.row_a].tolist(), pa.string()), None,
             "Name in A"),
            ("b_id", pa.array(self.b.object_id[other].tolist(), pa.string(), mask=alone), None,
             "Name in B"),
            ("ra", pa.array(ra, mask=nowhere), "deg",
             "Right ascension in A (ICRS), not moved"),
            ("dec", pa.array(dec, mask=nowhere), "deg",
             "Declination in A (ICRS), not moved"),
            ("b_ra", pa.array(self.b.ra[other], mask=alone), "deg",
             "Right ascension in B (ICRS), not moved"),
            ("b_dec", pa.array(self.b.dec[other], mask=alone), "deg",
             "Declination in B (ICRS), not moved"),
            ("separation", pa.array(self.separation, mask=alone), "arcsec",
             "Along the great circle"),
            ("candidates_a", pa.array(self.candidates_a), None,
             "Objects of B within the radius around the object of A"),
            ("candidates_b", pa.array(self.candidates_b, mask=alone), None,
             "Objects of A within the radius around the object of B"),
            ("second_separation", pa.array(self.second, mask=np.isnan(self.second)), "arcsec",
             "Of the nearest other neighbour of either"),
            ("status", pa.array(self.status.tolist(), pa.string()), None,
             "clear, or why the pair is doubtful or missing"),
        ]  # fmt: skip
        fields = [
            pa.field(
                name,
                array.type,
                metadata={"description": text} | ({"unit": unit} if unit else {}),
            )
            for name, array, unit, text in columns
        ]
        return pa.Table.from_arrays([array for _, array, *_ in columns], schema=pa.schema(fields))

    def sentences(self) -> list[str]:
        """Say what was found."""
        known_a, known_b = len(self.a.known), len(self.b.known) + self.b.unread
        found = (
            f"{self.n_pairs:,} pairs within {self.radius:g} arcsec of {known_a:,} objects of "
            f"{self.a.name} and {known_b:,} of {self.b.name}; {self.unmatched_b:,} of B in none."
        )
        moved = [] if self.epoch is None else [f"Positions are compared at {self.epoch:g}."]
        counted = [f"  {self.counts[key]:,} {key}: {MEANINGS[key]}" for key in MEANINGS
                   if self.counts.get(key)]  # fmt: skip
        small = (
            "The field is too small for this radius to estimate the matches by chance."
            if self.chance is None
            else str(self.chance)
        )
        return [found, *counted, small, *moved, *self.notes]

    def __repr__(self) -> str:
        return "\n".join(["<Crossmatch>", *self.sentences(), str(self.table)])

    def _repr_html_(self) -> str:
        import html

        told = "".join(f"<p>{html.escape(text)}</p>" for text in self.sentences())
        return told + str(self.table._repr_html_())


def crossmatch(
    a: Any,
    b: Any,
    radius: float = 1.0,
    *,
    all_pairs: bool = False,
    keep: Literal["pairs", "all"] = "pairs",
    epoch: float | None = None,
    out: str | Path | None = None,
) -> Crossmatch:
    """Match two catalogues by position.

    By default one to one: a pair is two objects each of which is the other's nearest, so that no
    object is in two pairs, and swapping A and B changes nothing. Where a proper motion is given,
    the positions that have one are moved to the common epoch first.

    Parameters
    ----------
    a, b : Catalogue, str, Path, Dataset or table
        A file, a dataset or its folder, or a table in memory; as a `Catalogue` with the names of
        its columns, proper motions and epoch.
    radius : float
        Largest separation [arcsec].
    all_pairs : bool
        Give every pair within the radius.
    keep : {"pairs", "all"}
        Whether objects of A without a pair stay in the table, with their status.
    epoch : float, optional
        Compare the positions then [Julian yr]. By default at the epoch of the catalogue without
        proper motions; if both have them, at that of B.
    out : str or Path, optional
        Write the table there: .parquet, .csv, .vot, .ecsv or .fits.

    Returns
    -------
    Crossmatch

    Raises
    ------
    DataError
        If a catalogue cannot be read or has no positions, or there are too many pairs.
    ConfigError
        If an option does not fit.
    """
    _check_options(radius, keep, out)
    large = near_hats(b, "B", radius)
    with step("reading the catalogues", told=False):
        first = read_catalogue(a, "A")
        other = read_catalogue(b, "B") if large is None else large.nothing()
    when = common_epoch(first, other, epoch)
    with step("matching", told=False):
        if large is not None:
            other = large.near(first.vectors(when), NEARLY * radius)
        found = _match(first, other, radius, when, all_pairs=all_pairs, keep=keep)
        found.chance = _chance(first.vectors(when), other, large, radius, all_pairs)
    if out is not None:
        write_table(found.to_arrow(), out)
    return found


def _check_options(radius: float, keep: str, out: str | Path | None) -> None:
    if not 0 < radius <= 3600:
        raise ConfigError(f"The radius is {radius:g} arcsec: give one above 0 and up to 3600.")
    if keep not in ("pairs", "all"):
        raise ConfigError(f"keep is '{keep}': give pairs or all.")
    if out is not None:
        check_ending(out)


def common_epoch(a: Places, b: Places, epoch: float | None) -> float | None:
    """Give the epoch at which positions are compared; None if nothing is moved.

    Raises
    ------
    ConfigError
        If a proper motion has no epoch, or an epoch is asked for that nothing can be moved to.
    """
    moving = [one for one in (a, b) if one.pmra is not None]
    for one in moving:
        if one.epoch is None:
            raise ConfigError(f"{one.name} has proper motions but no epoch: give its epoch.")
    if not moving:
        if epoch is not None:
            raise ConfigError("An epoch was asked for, but no catalogue has proper motions given.")
        if a.epoch != b.epoch and None not in (a.epoch, b.epoch):
            a.notes.append("The epochs differ, but no proper motions are given: nothing is moved.")
        return None
    if epoch is not None:
        for one in (a, b):
            if one.pmra is None and isinstance(one.epoch, float) and one.epoch != epoch:
                one.notes.append(
                    f"{one.name} is of {one.epoch:g} and has no proper motions: it stays there."
                )
        return epoch
    still = [one for one in (b, a) if one.pmra is None] or [b]
    target = still[0].epoch
    if target is None:
        raise ConfigError(f"The epoch of {still[0].name} is needed to move the other to it.")
    if isinstance(target, float):
        return target
    return float(np.nanmedian(target))  # of a survey over years: the middle of its epochs


def _chance(
    a: np.ndarray, b: Places, large: NearHats | None, radius: float, all_pairs: bool
) -> Chance | None:
    if large is None:
        return estimate_chance(a, b.vectors(), radius, all_pairs)
    return chance_near(
        a, lambda some: large.near(some, radius).vectors(), large.extent, radius, all_pairs
    )


def _match(
    a: Places, b: Places, radius: float, epoch: float | None, *, all_pairs: bool, keep: str
) -> Crossmatch:
    vectors, others = a.vectors(epoch), b.vectors(epoch)
    tree = tree_of(others)
    judged = judge(vectors, tree, radius)
    chosen = np.ones(len(judged.pairs), bool) if all_pairs else judged.mutual
    pairs = judged.pairs.take(chosen)
    status = status_of(judged)[chosen]
    columns = {
        "row_a": a.known[pairs.a],
        "row_b": b.known[pairs.b],
        "separation": pairs.separation,
        "second": judged.second[chosen],
        "candidates_a": judged.candidates_a[chosen],
        "candidates_b": judged.candidates_b[chosen],
        "status": status,
    }
    alone = _alone(a, judged, pairs.a)
    counts = Counter(columns["status"].tolist()) + Counter(alone["status"].tolist())
    if keep == "all":
        columns = {name: np.concatenate([columns[name], alone[name]]) for name in columns}
        order = np.lexsort((columns["separation"], columns["row_a"]))
        columns = {name: values[order] for name, values in columns.items()}
    return Crossmatch(
        a,
        b,
        radius,
        epoch,
        **columns,
        counts=dict(counts),
        unmatched_b=len(others) - len(np.unique(pairs.b)) + b.unread,
        notes=[*a.notes, *b.notes],
    )


def status_of(judged: Judged) -> np.ndarray:
    """Say of each pair whether it is clear, or why it is doubtful (`MEANINGS`)."""
    found = np.where(judged.several, SEVERAL, np.where(judged.near_second, SECOND, CLEAR))
    return found.astype(object)


def _alone(a: Places, judged: Judged, paired: np.ndarray) -> dict[str, np.ndarray]:
    """Give the objects of A without a pair, as columns of the result."""
    candidates = np.zeros(len(a.ra), np.int64)
    candidates[a.known[judged.pairs.a]] = judged.candidates_a
    status = np.full(len(a.ra), NO_POSITION, object)
    status[a.known] = np.where(candidates[a.known] > 0, TAKEN, NONE)
    rows = np.setdiff1d(np.arange(len(a.ra)), a.known[paired])
    nothing = np.full(len(rows), np.nan)
    return {
        "row_a": rows,
        "row_b": np.full(len(rows), -1),
        "separation": nothing,
        "second": nothing,
        "candidates_a": candidates[rows],
        "candidates_b": np.zeros(len(rows), np.int64),
        "status": status[rows],
    }
