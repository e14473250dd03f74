"""All that skybind uses of LSDB, whose interface moves with each release; a test pins it."""

import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skybind.errors import ConfigError, DataError
from skybind.footers import SEAL
from skybind.ingest.readers.hats import catalogue_folder, is_hats, unplaced_files
from skybind.parquet import read_footer
from skybind.progress import say

#: Column that names the objects of the first catalogue among those of both.
OWNER = "skybind_owner"

Frame = Any  # nested_pandas.NestedFrame
Lsdb = Any  # lsdb.Catalog


def lsdb() -> ModuleType:
    """Import LSDB.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    try:
        import lsdb
    except ImportError as error:
        raise ConfigError(
            f"LSDB cannot be imported ({error}): install it with pip install 'skybind[scale]'."
        ) from error
    return lsdb


@contextmanager
def quiet() -> Iterator[None]:
    """Keep LSDB's and its pandas' warnings on their future away from users, who did not call it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", "The inplace keyword in NestedFrame")
        yield


@dataclass(frozen=True)
class Opened:
    """A catalogue of LSDB, and what its files say of it.

    Attributes
    ----------
    catalog : lsdb.Catalog
    schema : Schema
        Of the columns, with the units and the note of skybind's that the files state.
    ra, dec : str
        Columns of the positions [deg].
    """

    catalog: Lsdb
    schema: pa.Schema
    ra: str
    dec: str

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"catalogue {self.catalog.name}"


def open_catalog(source: Any, columns: Sequence[str] | None = None) -> Opened:
    """Open a folder of HATS, or take a catalogue of LSDB.

    Parameters
    ----------
    source : str, Path or lsdb.Catalog
    columns : sequence of str, optional
        Of a folder, read only these besides positions; all by default.

    Raises
    ------
    ConfigError
        If it is none, or LSDB is not installed.
    DataError
        If the folder is no catalogue of objects, or has no positions.
    """
    module = lsdb()
    if isinstance(source, str | Path):
        folder = Path(source)
        if "://" not in str(source):
            if not is_hats(folder):
                raise DataError(f"{folder} is no HATS catalogue: it has no hats.properties.")
            catalogue_folder(folder)
            tell_unplaced(folder)
        wanted = "all" if columns is None else list(columns)
        with quiet():
            source = module.open_catalog(str(source), columns=wanted)
    if not isinstance(source, module.Catalog):
        raise ConfigError(
            f"A {type(source).__name__} is no catalogue: give the folder of a HATS catalogue or "
            "what lsdb.open_catalog gives."
        )
    info = source.hc_structure.catalog_info
    if info.ra_column not in source.columns or info.dec_column not in source.columns:
        raise DataError(f"The catalogue {source.name} has no columns of positions: load them too.")
    return Opened(source, _schema_of(source), info.ra_column, info.dec_column)


def tell_unplaced(folder: Path) -> None:
    """Say how many objects beside a catalogue that skybind exported are not read with it."""
    lost = sum(read_footer(path).num_rows for path in unplaced_files(folder))
    if lost:
        say(
            f"{lost:,} objects of {folder} have no position, so that they are in no partition and "
            "are not read here. 'skybind classify', 'embed' and 'predict' with --data, and the "
            "reader 'hats', take them too."
        )


def _schema_of(catalog: Lsdb) -> pa.Schema:
    """Give the columns as they are loaded, with what the catalogue's files state of them."""
    stated = catalog.hc_structure.original_schema or pa.schema([])
    fields = []
    for own in table_of(catalog.meta).schema:
        kind = _small(own.type)
        field = stated.field(own.name) if own.name in stated.names else pa.field(own.name, kind)
        # a column of that name that LSDB was told to make of something else states nothing
        fields.append(field if _small(field.type) == kind else pa.field(own.name, kind))
    # a footer's seal says nothing of what was read
    said = {key: text for key, text in (stated.metadata or {}).items() if key != SEAL}
    return pa.schema(fields, metadata=said or None)


def _small(kind: pa.DataType) -> pa.DataType:
    """Give a type with ordinary lists and text for the large ones in which pandas holds them."""
    if pa.types.is_struct(kind):
        inside = [kind.field(i) for i in range(kind.num_fields)]
        return pa.struct([(field.name, _small(field.type)) for field in inside])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_small(kind.value_type))
    return pa.string() if pa.types.is_large_string(kind) else kind


def table_of(frame: Frame, schema: pa.Schema | None = None) -> pa.Table:
    """Give a partition as an Arrow table, of a schema of the same columns if there is one."""
    table = pa.table({name: _array_of(frame[name]) for name in frame.columns})
    return table if schema is None else table.select(schema.names).cast(schema)


def _array_of(column: Any) -> pa.Array | pa.ChunkedArray:
    """Give a column as Arrow holds it; a nested one as a struct of lists, null where it is empty.

    nested-pandas makes empty lists of what is null, so that either is what was not observed.
    """
    nested = getattr(column.array, "struct_array", None)
    if nested is None:
        return pa.array(column, from_pandas=True)
    array = nested.combine_chunks()
    inside = [array.type.field(i) for i in range(array.type.num_fields)]
    lists = [pc.struct_field(array, i) for i in range(len(inside))]
    empty = pc.equal(pc.fill_null(pc.list_value_length(lists[0]), 0), 0)
    return pa.StructArray.from_arrays(lists, fields=inside, mask=empty)


def frame_of(table: pa.Table, like: Frame) -> Frame:
    """Give a table as a partition, with the index (the cells) of the one that it was made of."""
    import pandas as pd
    from nested_pandas import NestedFrame

    return NestedFrame(table.to_pandas(types_mapper=pd.ArrowDtype).set_index(like.index))


def rows_of(table: pa.Table, like: Frame) -> Frame:
    """Give a table of any number of rows as a partition, all of them at the place of its first."""
    import pandas as pd
    from nested_pandas import NestedFrame

    index = like.index[:0] if not len(like) else like.index[:1].repeat(len(table))
    rows = table.to_pandas(types_mapper=pd.ArrowDtype)
    return NestedFrame(rows.iloc[: len(index)].set_index(index))


def gather(opened: Opened, function: Callable[..., Frame], made: pa.Schema, work: Any) -> pa.Table:
    """Compute what a function says of each partition, now, without the margins.

    Parameters are those of `map_partitions`; the function gives the columns of `made`.
    """
    meta = frame_of(made.empty_table(), opened.catalog.meta)
    with quiet():
        found = opened.catalog.map_partitions(function, work, meta=meta)
        return table_of(found.compute(progress_bar=False), made)


def with_columns(frame: Frame, before: Frame, columns: Sequence[str]) -> Frame:
    """Put columns of a partition before those that were made of it."""
    out = before[list(columns)].copy()
    for name in frame.columns:
        out[name] = frame[name]
    return out


def map_partitions(
    opened: Opened, function: Callable[..., Frame], made: pa.Schema, keep: Sequence[str], work: Any
) -> Lsdb:
    """Give the catalogue of what a function makes of each partition, and of its margins, lazily.

    Parameters
    ----------
    opened : Opened
    function : callable
        Takes a partition and `work`, gives the columns `keep` and then those of `made`.
    made : Schema
    keep : sequence of str
        Columns that stay.
    work : hashable
        Goes to each task: small, and the same wherever it is pickled.
    """
    empty = opened.catalog.meta
    meta = with_columns(frame_of(made.empty_table(), empty), empty, keep)
    with quiet():
        return opened.catalog.map_partitions(function, work, meta=meta)


def with_properties(catalog: Lsdb, said: Mapping[str, str]) -> Lsdb:
    """Let a catalogue say more of itself, in the properties that LSDB writes."""
    catalog.hc_structure.catalog_info = catalog.hc_structure.catalog_info.copy_and_update(**said)
    return catalog


def properties_of(catalog: Lsdb) -> dict[str, str]:
    """Give what a catalogue says of itself beyond the standard."""
    return {name: str(v) for name, v in catalog.hc_structure.catalog_info.extra_dict().items()}


def identity_of(catalog: Lsdb) -> str:
    """Give what tells planned work from any other: dask's name of it."""
    return str(catalog._operation.key_name)


def write_catalog(catalog: Lsdb, folder: Path, name: str) -> None:
    """Compute a catalogue and its margins, and write them; what is written already stays.

    Raises
    ------
    DataError
        If it has no objects.
    """
    if not len(catalog.get_healpix_pixels()):
        raise DataError(f"The catalogue {catalog.name} has no partitions: nothing is written.")

    def do() -> None:
        with quiet():
            catalog.write_catalog(
                str(folder), catalog_name=name, inherit_provenance=True, as_collection=True,
                resume=True, progress_bar=False,
            )  # fmt: skip

    try:
        do()
    except ValueError as error:
        if "Cannot resume" not in str(error):
            raise
        shutil.rmtree(folder)  # it was killed between two notes of LSDB's on a partition
        folder.mkdir()
        do()


def margin_of(catalog: Lsdb) -> float | None:
    """Give the width of a catalogue's margin [arcsec]; None if it has none."""
    if catalog.margin is None:
        return None
    return float(catalog.margin.hc_structure.catalog_info.margin_threshold)


def partition_of(opened: Opened, number: int) -> pa.Table:
    """Compute one partition, by its place in the order of the sky."""
    pixel = opened.catalog.get_ordered_healpix_pixels()[number]
    with quiet():
        frame = opened.catalog.partitions[[pixel]].compute(progress_bar=False)
    return table_of(frame, opened.schema)


def paired(
    a: Opened,
    b: Opened,
    algorithm: Any,
    name: str,
    suffix: str,
    columns: Sequence[str] | None,
) -> Lsdb:
    """Give the pairs of two catalogues, lazily; parameters as of `skybind.scale.match`.

    `algorithm` is a `skybind.scale.pairing.Pairing`.
    """
    other = b.catalog if columns is None else b.catalog[[b.ra, b.dec, *columns]]
    names = {old: new for old, new in ((b.ra, a.ra), (b.dec, a.dec)) if old != new}
    with quiet():
        other = other.rename(names) if names else other
        owners = a.catalog[list(dict.fromkeys([a.ra, a.dec, name]))].map_partitions(
            owned, a.ra, a.dec, name
        )
        both = other.map_partitions(placed, a.ra, a.dec).concat(owners)
        found = a.catalog.crossmatch(
            both, algorithm=algorithm, require_right_margin=True,
            suffixes=("", suffix), suffix_method="all_columns", log_changes=False,
        )  # fmt: skip
        return found.drop(columns=[f"{OWNER}{suffix}"])


def owned(frame: Frame, ra: str, dec: str, name: str) -> Frame:
    """Give the positions of objects and, as their owner, their names."""
    made = placed(frame, ra, dec)[[ra, dec]].copy()
    made[OWNER] = frame[name].astype("string[pyarrow]").astype(_text())
    return made


def placed(frame: Frame, ra: str, dec: str) -> Frame:
    """Give positions as numbers of one type, so that two catalogues can stand together."""
    import pandas as pd

    made = frame.copy()
    for axis in (ra, dec):
        made[axis] = made[axis].astype(pd.ArrowDtype(pa.float64()))
    return made


def _text() -> Any:
    import pandas as pd

    return pd.ArrowDtype(pa.string())
