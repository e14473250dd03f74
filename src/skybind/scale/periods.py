"""Periods and features of the light curves of a catalogue of LSDB, partition by partition."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.schema import ID, METADATA_KEY, Column, DatasetSchema
from skybind.errors import ConfigError, DataError
from skybind.ingest.frames import frame_of as read_frame
from skybind.ingest.given import take_given
from skybind.ingest.matching import find_observations
from skybind.ingest.wanted import Wanted
from skybind.lightcurves.bands import enough_curves
from skybind.lightcurves.columns import compute_columns, describe_columns
from skybind.lightcurves.stored import refuse_twins
from skybind.modalities.cleaning import value_field
from skybind.modalities.computed import PERIOD, computed_name
from skybind.models.classes import missing_reasons
from skybind.ragged import Ragged
from skybind.scale.adapter import (
    Frame,
    Lsdb,
    Opened,
    frame_of,
    gather,
    map_partitions,
    open_catalog,
    rows_of,
    with_columns,
    with_properties,
)
from skybind.scale.rows import Columns
from skybind.scale.using import REASON, kept_columns
from skybind.version import __version__
from skybind.words import join, nearest

#: Light curves that are searched at once.
CHUNK = 256


@dataclass(frozen=True)
class Work:
    """What a task has to know.

    Attributes
    ----------
    columns : Columns
    curves : str
        Name of the light curves.
    fields : tuple of (str, str or None)
        Their fields and units.
    bands : tuple of str
        Bands with features of their own.
    periods_only : bool
    """

    columns: Columns
    curves: str
    fields: tuple[tuple[str, str | None], ...]
    bands: tuple[str, ...]
    periods_only: bool

    @property
    def described(self) -> dict[str, Column]:
        """The columns that are computed."""
        brightness = value_field(dict(self.fields))
        return describe_columns(self.curves, brightness, self.bands, periods_only=self.periods_only)

    def take(self, data: Any, **more: Any) -> Any:
        """Read the light curves of whatever holds some."""
        wanted = Wanted(self.curves, "photometry", self.curves, dict(self.fields))
        return take_given(data, wanted={self.curves: wanted}, **more)


def features(
    catalog: Any,
    *,
    column: str | None = None,
    periods_only: bool = False,
    bands: Sequence[str] | None = None,
    units: Mapping[str, Any] | None = None,
    keep: Sequence[str] = (),
) -> Lsdb:
    """Compute periods and features of light curves; nothing before the result is asked for.

    They are those of `skybind data features`, by the same definitions.

    Parameters
    ----------
    catalog : lsdb.Catalog, str or Path
        Objects with nested light curves, or the folder of a HATS catalogue.
    column : str, optional
        The light curves, where there are several.
    periods_only : bool
        Periods, their significance and aliases, without the features.
    bands : sequence of str, optional
        Bands that get features of their own. By default those that one in twenty light curves has,
        as for a dataset: they are counted now, in one pass through the catalogue.
    units, keep
        As of `skybind.scale.embed`.

    Returns
    -------
    lsdb.Catalog
        Positions, `object_id`, the columns (`photometry_period` [d] ...), and `reason`: why there
        is no light curve, or no period.

    Raises
    ------
    ConfigError
        If LSDB is not installed, or there is no such column.
    DataError
        If there are no light curves, or a unit does not fit.
    """
    opened = open_catalog(catalog)
    name, fields = find_curves(opened, column)
    columns = Columns.of(opened, units, ())
    work = Work(columns, name, tuple(fields.items()), (), periods_only)
    columns.probe(work.take)
    if not periods_only and "band" in fields:
        counted = counted_bands(opened, work) if bands is None else bands
        work = Work(columns, name, work.fields, tuple(counted), periods_only)
    refuse_twins(name, opened.schema.names, opened.name, work.bands)
    made = _schema(work)
    columns = Columns.of(opened, units, kept_columns(opened, keep, made))
    work = Work(columns, name, work.fields, work.bands, periods_only)
    found = map_partitions(opened, features_partition, made, columns.keep, work)
    said = {"skybind_version": __version__, "skybind_did": "features"}
    return with_properties(found, said)


def find_curves(opened: Opened, column: str | None = None) -> tuple[str, dict[str, str | None]]:
    """Find the light curves of a catalogue: their name, and their fields with units.

    Raises
    ------
    ConfigError
        If there are none by that name.
    DataError
        If there are none, or several.
    """
    if METADATA_KEY in (opened.schema.metadata or {}):
        schema = DatasetSchema.from_arrow(opened.schema, f"The {opened.name}")
        kinds = schema.select(opened.schema.names).kinds
        names = [name for name, kind in kinds.items() if kind == "photometry"]
        if column is not None and column not in names:
            raise ConfigError(
                f"The {opened.name} has no light curves '{column}': {nearest(column, names)}"
            )
        if len(names) != 1 and column is None:
            has = join(names) or "none"
            raise DataError(f"The {opened.name} has the light curves {has}: name one column.")
        name = names[0] if column is None else column
        return name, schema.fields(name)
    return _found_by_names(opened, column or "photometry")


def _found_by_names(opened: Opened, name: str) -> tuple[str, dict[str, str | None]]:
    """Find light curves by the names of columns; they may be fluxes or magnitudes."""
    schema = opened.schema
    row = pa.table([pa.nulls(1, field.type) for field in schema], schema=schema)
    frame = read_frame(row)
    assert frame is not None
    for value in ("magnitude", "flux"):
        units = {"time": "d", value: None, f"{value}_err": None, "band": None}
        wanted = Wanted(name, "photometry", name, units)
        places = find_observations(frame, {name: wanted}).get(name, {})
        if value in places and "time" in places:
            there = {f: u for f, u in units.items() if f in places}
            return name, {f: frame.units.get(places[f], u) for f, u in there.items()} | {
                "time": "d"
            }
    raise DataError(
        f"The {opened.name} has no light curves: nested columns with time and flux or magnitude."
    )


def counted_bands(opened: Opened, work: Work) -> list[str]:
    """Name the bands that enough of the light curves have, if there are several."""
    made = pa.schema([("band", pa.string()), ("objects", pa.int64()), ("curves", pa.int64())])
    found = gather(opened, bands_partition, made, work)
    counts: Counter[str] = Counter()
    for band, objects in zip(found["band"].to_pylist(), found["objects"].to_pylist(), strict=True):
        counts[band] += objects
    curves = sum(found["curves"].to_pylist())
    return enough_curves({band: counts[band] for band in sorted(counts) if band}, curves)[0]


def bands_partition(frame: Frame, work: Work) -> Frame:
    """Count the light curves of each band in one partition, and in the first row all of them."""
    bands: dict[str, tuple[int, int]] = {}
    curves = 0
    if len(frame):
        data = work.columns.take(frame, work.take).dataset
        bands, curves = data.bands(work.curves), int(data.present(work.curves).sum())
    rows = {
        "band": pa.array(["", *bands], pa.string()),
        "objects": pa.array([0, *(objects for _, objects in bands.values())], pa.int64()),
        "curves": pa.array([curves] + [0] * len(bands), pa.int64()),
    }
    return rows_of(pa.table(rows), frame)


def _schema(work: Work) -> pa.Schema:
    fields = [
        pa.field(name, pa.float64(), metadata={"unit": column.unit} if column.unit else None)
        for name, column in work.described.items()
    ]
    return pa.schema([pa.field(ID, pa.string()), *fields, pa.field(REASON, pa.string())])


def features_partition(frame: Frame, work: Work) -> Frame:
    """Compute the columns of one partition."""
    tables = [_schema(work).empty_table()]
    if len(frame):
        given = work.columns.take(frame, work.take)
        definitions = {name: column.attributes for name, column in work.described.items()}
        done = 0
        for table in given.dataset.iter_tables([ID, work.curves], CHUNK):
            curves = Ragged.from_arrow(table[work.curves])
            made = compute_columns(curves, definitions, observation=work.curves).columns
            why = given.reasons[work.curves][done : done + len(table)]
            period = made[computed_name(work.curves, PERIOD)]
            short = curves.present & ~np.isfinite(period)
            why = np.where(short, "too few epochs, or too short, for a period", why)
            found = {work.curves: curves.present & ~short}
            missing = missing_reasons(found, {work.curves: why})
            arrays = [pa.array(v, pa.float64(), mask=~np.isfinite(v)) for v in made.values()]
            rows = [table[ID], *arrays, pa.array(missing, pa.string())]
            tables.append(pa.table(rows, schema=tables[0].schema))
            done += len(table)
    columns = frame_of(pa.concat_tables(tables), frame)
    return with_columns(columns, frame, work.columns.keep)
