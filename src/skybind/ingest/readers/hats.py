"""Folders of HATS catalogues: tables in parts, a Parquet file for each HEALPix cell of the sky.

The layout is that of the IVOA note on HATS: `hats.properties` beside `dataset/`, with partitions
`Norder=k/Dir=d/Npix=n.parquet`; a collection names its catalogue in `collection.properties`.
HiPSCat, its forerunner, has `catalog_info.json`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.ingest.arrow_units import units_of_arrow
from skybind.ingest.readers.contents import first_line, read_bytes
from skybind.ingest.readers.weighed import WeighedParquet
from skybind.limits import check_size
from skybind.parquet import read_footer, read_schema, verify_content

_PROPERTIES, _COLLECTION, _OLD = "hats.properties", "collection.properties", "catalog_info.json"
_LISTED = "partition_info.csv"
_CELL = re.compile(r"Norder=(\d+)/Dir=\d+/Npix=(\d+)(?=[./]|$)")
#: Folder beside a catalogue that skybind exported, of what HATS has no place for; and in it the
#: objects without a position.
BESIDE, UNPLACED = "skybind", "unplaced.parquet"
#: Kinds of catalogues whose rows are objects or measurements of some.
_TABLES = ("object", "source")
#: Bytes of a catalogue that is read whole.
MOST = 10**9
#: HEALPix cells are put in order by their first cell of this order.
_FINEST = 29


def is_hats(folder: Path) -> bool:
    """Whether a folder is a HATS catalogue or collection, or looks like a part of one."""
    if any((folder / name).is_file() for name in (_PROPERTIES, _COLLECTION, _OLD)):
        return True
    return any(folder.glob("Norder=*")) or any((folder / "dataset").glob("Norder=*"))


def catalogue_folder(folder: Path) -> tuple[Path, dict[str, str]]:
    """Give the folder of the catalogue, of a collection that of its main table; and what it says.

    Raises
    ------
    DataError
        If it does not say what it is, or is no table of objects or of their measurements.
    """
    said: dict[str, str] = {}
    for name in (_COLLECTION, _PROPERTIES, "properties", _OLD):
        if (folder / name).is_file():
            said = _said(folder / name)
            break
    else:
        raise DataError(
            f"{folder} is laid out as HATS, but has no {_PROPERTIES}: name the folder of the whole "
            "catalogue."
        )
    main = said.get("hats_primary_table_url", "")
    if name == _COLLECTION:
        if not main or "://" in main or not (folder / main).is_dir():
            raise DataError(f"{folder} has no folder of its main table, '{main}' ({_COLLECTION}).")
        return catalogue_folder(folder / main)
    kind = said.get("dataproduct_type", said.get("catalog_type", ""))
    if kind not in _TABLES:
        of = f" of '{main}'" if main else ""
        raise DataError(
            f"{folder} is a HATS catalogue of the type '{kind or 'unknown'}'{of}, whose rows are "
            f"no objects: name one of the type {' or '.join(_TABLES)}."
        )
    return folder, said


def hats_files(folder: Path) -> list[Path]:
    """Name the partitions of a HATS catalogue in the order of the HEALPix index.

    Margins, indices and the thumbnail are none of them.

    Raises
    ------
    DataError
        If it is no table of objects, or partitions or rows are lacking.
    """
    return [path for path, _ in hats_footers(folder)]


def hats_footers(folder: Path) -> Iterator[tuple[Path, pq.FileMetaData]]:
    """Give the partitions as `hats_files`, each with its footer; rows are compared at the end.

    Footers of a large catalogue take long to read, so they are read once for all that is asked.
    """
    files, stated = hats_partitions(folder)
    rows = 0
    for path in files:
        try:
            said = read_footer(path)
        except (pa.ArrowException, OSError) as error:
            raise_of_machine(error)
            raise DataError(f"{path} cannot be read as parquet: {first_line(error)}") from error
        rows += said.num_rows
        yield path, said
    check_rows(folder, rows, stated)


def hats_partitions(folder: Path) -> tuple[list[Path], int]:
    """Name the partitions as `hats_files`; second, the rows that the catalogue says it has.

    Rows are not compared (`check_rows`); they are 0 where the catalogue does not say.
    """
    folder, said = catalogue_folder(folder)
    root = folder / "dataset" if (folder / "dataset").is_dir() else folder
    found: dict[tuple[int, int], list[Path]] = {}
    for path in _partitions(root):
        found.setdefault(_cell_of(path), []).append(path)
    listed = _listed(folder, root)
    lacking = sorted((listed or set()) - set(found))
    if lacking:
        raise DataError(
            f"{folder} lacks {len(lacking)} of its {len(listed or ())} partitions, the first "
            f"Norder={lacking[0][0]}, Npix={lacking[0][1]}: was it copied whole?"
        )
    more = sorted(set(found) - listed) if listed is not None else []
    if more:
        raise DataError(
            f"{folder} holds {len(more)} partitions that it does not list, the first "
            f"{found[more[0]][0].relative_to(folder)}: are two catalogues mixed up?"
        )
    files = [path for cell in sorted(found, key=_place) for path in sorted(found[cell])]
    if not files:
        raise DataError(f"The HATS catalogue {folder} holds no partition.")
    rows = said.get("hats_nrows", said.get("total_rows", ""))
    return files, int(rows) if rows.isdigit() else 0


def check_rows(folder: Path, rows: int, stated: int) -> None:
    """Refuse a catalogue that has other rows than it says: part of a partition is lost.

    Raises
    ------
    DataError
    """
    if stated and rows != stated:
        raise DataError(
            f"{folder} holds {rows:,} rows where its properties say {stated:,}: was it copied "
            "whole?"
        )


def common_units(folder: Path) -> dict[str, str]:
    """Give the units that a HATS catalogue states for all its partitions, in `_common_metadata`."""
    folder, _ = catalogue_folder(folder)
    for path in (folder / "dataset" / "_common_metadata", folder / "_common_metadata"):
        if path.is_file():
            try:
                return units_of_arrow(read_schema(path))
            except (pa.ArrowException, OSError) as error:
                raise_of_machine(error)
                raise DataError(f"{path} cannot be read as parquet: {first_line(error)}") from error
    return {}


def beside(folder: Path) -> Path:
    """Name what stands beside a catalogue that skybind exported; it is there for no other.

    The catalogue may be named by its collection, or by its own folder in it.
    """
    above = folder.resolve().parent
    if (folder / _COLLECTION).is_file() or not (above / _COLLECTION).is_file():
        return folder / BESIDE
    main = _said(above / _COLLECTION).get("hats_primary_table_url")
    return (above if main == folder.resolve().name else folder) / BESIDE


def unplaced_files(folder: Path) -> list[Path]:
    """Name the objects without a position that stand beside a catalogue, as one more partition.

    None where all have one, and of catalogues of others.
    """
    path = beside(folder) / UNPLACED
    return [path] if path.is_file() else []


def hats_table(folder: Path) -> pa.Table:
    """Read a whole HATS catalogue, with the units that it states.

    Raises
    ------
    DataError
        If it is too large for memory, or not whole.
    """
    return hats_pieces(folder)[0]


def hats_pieces(folder: Path) -> tuple[pa.Table, list[int]]:
    """Read a whole HATS catalogue as `hats_table`; second, the rows of each partition.

    Objects without a position that stand beside it come last.
    """
    files, stated = hats_partitions(folder)
    lost = unplaced_files(folder)
    size = sum(path.stat().st_size for path in [*files, *lost])
    if size > MOST:
        raise DataError(
            f"{folder} is a HATS catalogue of {size / 1e9:.1f} GB, which is not read whole: make a "
            "dataset of it with 'skybind data import', and give that."
        )
    try:
        tables = list(_whole_partitions(folder, files, lost, size, stated))
        table = pa.concat_tables(tables)
    except (pa.ArrowException, OSError) as error:
        raise_of_machine(error)
        raise DataError(f"{folder} cannot be read as parquet: {first_line(error)}") from error
    units = {**common_units(folder), **units_of_arrow(table.schema)}
    fields = [
        field.with_metadata({**(field.metadata or {}), b"unit": units[field.name]})
        if field.name in units
        else field
        for field in table.schema
    ]
    whole = table.cast(pa.schema(fields, metadata=table.schema.metadata))
    return whole, [len(table) for table in tables]


def _whole_partitions(
    folder: Path, files: list[Path], lost: list[Path], on_disk: int, stated: int
) -> Iterator[pa.Table]:
    every = [*files, *lost]
    opened = [WeighedParquet(path, str(path)) for path in every]
    check_rows(folder, sum(file.metadata.num_rows for file in opened[: len(files)]), stated)
    check_size(sum(file.unpacked() for file in opened), on_disk, str(folder))
    far = 0
    for path, file in zip(every, opened, strict=True):
        with file:
            table = file.read()
        far += table.nbytes
        check_size(far, on_disk, str(folder))
        verify_content(path, table)
        yield table


def _said(path: Path) -> dict[str, str]:
    """Read a file of properties (`key=value` on each line), or of JSON."""
    text = read_bytes(path).decode("utf-8", "replace")
    if path.name == _OLD:
        try:
            found = json.loads(text)
        except ValueError as error:
            raise DataError(f"{path} cannot be read as json: {first_line(error)}") from error
        return {str(key): str(value) for key, value in dict(found).items()}
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if line and line[0] not in "#!")
    return {key.strip(): re.sub(r"\\(.)", r"\1", value.strip()) for key, _, value in pairs}


def _partitions(root: Path) -> Iterator[Path]:
    """Give the files of the partitions; that of one cell may be a folder of several."""
    for path in root.glob("Norder=*/Dir=*/Npix=*"):
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.is_file())
            yield from (p for p in inside if not p.name.startswith((".", "_")))
        else:
            yield path


def _cell_of(path: Path) -> tuple[int, int]:
    """Order and number of the HEALPix cell of a partition."""
    found = _CELL.search(path.as_posix())
    if found is None:
        raise DataError(f"{path} is no partition of a HATS catalogue: its name has no numbers.")
    return int(found[1]), int(found[2])


def _place(cell: tuple[int, int]) -> int:
    order, number = cell
    return number << 2 * (_FINEST - order)


def _listed(folder: Path, root: Path) -> set[tuple[int, int]] | None:
    """Cells that the catalogue says it has; None where it says nothing."""
    try:
        if (folder / _LISTED).is_file():
            table = pcsv.read_csv(folder / _LISTED)
            cells = zip(table["Norder"].to_pylist(), table["Npix"].to_pylist(), strict=True)
            return set(cells)
        if (root / "_metadata").is_file():
            groups = read_footer(root / "_metadata")
            columns = [groups.row_group(i).column(0) for i in range(groups.num_row_groups)]
            return {_cell_of(Path(column.file_path)) for column in columns}
    except (pa.ArrowException, KeyError, OSError) as error:
        raise_of_machine(error)
        raise DataError(f"The list of partitions in {folder} is damaged: {error}.") from error
    return None
