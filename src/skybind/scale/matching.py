"""Two catalogues of LSDB matched by position as `skybind.crossmatch` does, without reading all."""

from collections.abc import Sequence
from typing import Any

from skybind.data.sky import NEARLY
from skybind.errors import ConfigError, DataError
from skybind.ingest.fields import name_of_objects
from skybind.scale.adapter import Lsdb, Opened, margin_of, open_catalog, paired, with_properties
from skybind.version import __version__
from skybind.words import nearest


def match(
    a: Any,
    b: Any,
    radius: float = 1.0,
    *,
    all_pairs: bool = False,
    id_a: str | None = None,
    suffix: str = "_b",
    columns: Sequence[str] | None = None,
) -> Lsdb:
    """Match two catalogues by position; nothing is computed before the result is asked for.

    One to one by default, with the statuses of `skybind.crossmatch`; nothing is moved.

    Parameters
    ----------
    a, b : lsdb.Catalog, str or Path
        With margins of at least 2.5 (A) and 1.5 (B) times the radius.
    radius : float
        [arcsec].
    all_pairs : bool
    id_a : str, optional
        Column of A with names that differ; by default the usual one (`object_id`, `source_id`).
    suffix : str
        Added to the names of the columns of B.
    columns : sequence of str, optional
        Of B; all by default.

    Returns
    -------
    lsdb.Catalog
        One row a pair, at the position of A: the columns of A, those of B, and those that are
        in docs/crossmatch.md.

    Raises
    ------
    ConfigError
        If LSDB is not installed, or an option does not fit.
    DataError
        If a catalogue has no margin, or one that is too narrow, or A has no names.
    """
    if not 0 < radius <= 3600:
        raise ConfigError(f"The radius is {radius:g} arcsec: give one above 0 and up to 3600.")
    if not suffix:
        raise ConfigError("suffix is empty: the columns of A and B could not be told apart.")
    first, other = open_catalog(a), open_catalog(b)
    name = id_a or name_of_objects(first.schema.names)
    if name is None:
        raise DataError(f"The {first.name} has no column of names: give one as id_a.")
    if name not in first.schema.names:
        near = nearest(name, first.schema.names)
        raise ConfigError(f"The {first.name} has no column '{name}': {near}")
    _check_margin(first, (1 + NEARLY) * radius)
    _check_margin(other, NEARLY * radius)
    from skybind.scale.pairing import Pairing  # LSDB is there

    algorithm = Pairing(radius, all_pairs, name)
    found = paired(first, other, algorithm, name, suffix, columns)
    said = {"skybind_version": __version__, "skybind_did": f"match within {radius:g} arcsec"}
    return with_properties(found, said)


def _check_margin(opened: Opened, least: float) -> None:
    """Refuse a catalogue where what lies just outside a partition is not known."""
    margin = margin_of(opened.catalog)
    if margin is None or margin < least:
        has = "no margin" if margin is None else f"a margin of {margin:g} arcsec"
        raise DataError(
            f"The {opened.name} has {has}, and the match needs {least:g} arcsec: write it with a "
            "wider one ('skybind data export --margin', or hats-import), or match within less."
        )
