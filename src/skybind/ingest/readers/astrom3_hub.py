"""The AstroM3 data set as its authors publish it: Parquet files of the hub's AstroM3Processed.

One folder holds the Parquet files of one configuration (such as `full_42`), their names beginning
with `train`, `validation` or `test`. Columns: `photometry` (epochs, 3): HJD [d], flux [mJy], error;
`spectra` (pixels, 3): wavelength [Angstrom], flux, error; `metadata` with the structs `meta_cols`
and `photo_cols`; `label`. The published parts become the split `published`.

The third column of the spectra is taken as it comes, as the error of the flux. A notebook of the
release passes the inverse variance on there; `options: {spectrum_error: ivar}` reads it so.
"""

from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from skybind.config.load import validate
from skybind.data.schema import Column
from skybind.errors import DataError
from skybind.ingest.plan import Chunk, Plan
from skybind.ingest.readers.registry import catalogue, register_dataset_reader
from skybind.ingest.readers.shards import Shard, ShardRows, iter_rows, open_shards
from skybind.ragged import Ragged

ROWS = 512


ID_COLUMNS = ("object_id", "id", "source_id", "name")


class HubOptions(BaseModel):
    """Options of the reader."""

    model_config = ConfigDict(extra="forbid")
    spectrum_error: Literal["flux_err", "ivar"] = Field(
        "flux_err", description="What the third column of the spectra is."
    )


@register_dataset_reader("astrom3_hub")
def read_astrom3_hub(path: Path, options: dict[str, Any], base: Path) -> Plan:
    """Plan the import of a folder of the hub's Parquet files, with its published split.

    Parameters
    ----------
    path : Path
        Folder with files train*.parquet, validation*.parquet, test*.parquet.
    options : dict
        See `HubOptions`.
    base : Path
        Folder that a path among the options would be relative to.

    Raises
    ------
    DataError
        If the files are not what they should be.
    """
    error_field = validate(HubOptions, options, "options").spectrum_error
    shards = open_shards(path)
    _check(shards)
    units = _feature_units()
    names = _feature_names(shards[0].file, shards[0].name)
    columns: dict[str, Any] = {
        "label": Column("label", description="ASAS-SN variable type"),
        **{name: Column("feature", units.get(name), modality="metadata") for name in names[0]},
        **{name: Column("feature", units.get(name), modality="photometry") for name in names[1]},
        "photometry": Column(
            "observation",
            modality="photometry",
            fields={"time": "d", "flux": "mJy", "flux_err": "mJy"},
        ),
        "spectrum": Column(
            "observation",
            modality="spectrum",
            fields={"wavelength": "Angstrom", "flux": None, error_field: None, "mask": None},
        ),
    }
    return Plan(
        columns,
        ((rows.n, partial(_chunk, rows, names, error_field)) for rows in iter_rows(shards, ROWS)),
        total=sum(shard.file.metadata.num_rows for shard in shards),
        sources=[path],
        settings=options,
        provenance=f"AstroM3Processed, configuration {path.resolve().name} (CC BY 4.0)",
        split={"kind": "published"},
    )


def _check(shards: list[Shard]) -> None:
    for shard in shards:
        if not shard.file.metadata.num_rows:
            raise DataError(f"{shard.name} holds no objects.")
        for column in ("photometry", "spectra", "label"):
            if column not in shard.file.schema_arrow.names:
                raise DataError(
                    f"{shard.name} has no column '{column}': is it of AstroM3Processed?"
                )


def _chunk(rows: ShardRows, names: tuple[list[str], list[str]], error_field: str) -> Chunk:
    table, name, part = rows.read(), rows.shard.name, rows.shard.part
    known = [column for column in ID_COLUMNS if column in table.column_names]
    if known:
        object_id = np.asarray(table[known[0]].cast(pa.string()).to_pylist(), object)
    else:
        numbered = range(rows.start, rows.start + rows.n)
        object_id = np.asarray([f"{part}-{row:06d}" for row in numbered], object)
    curves = _triples(_array(table, "photometry"), name, "photometry")
    spectra = _triples(_array(table, "spectra"), name, "spectra")
    columns: dict[str, Any] = {
        "object_id": object_id,
        "label": np.asarray(table["label"].cast(pa.string()).to_pylist(), object),
        "photometry": _named(curves, ("time", "flux", "flux_err")),
        "spectrum": _named(spectra, ("wavelength", "flux", error_field)),
        **_features(table, name, *names),
    }
    source = {"photometry": name, "spectrum": name}
    return Chunk(columns, source, np.full(len(object_id), part, object))


def _array(table: pa.Table, column: str) -> pa.Array:
    array = table[column].combine_chunks()
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def _triples(column: pa.Array, name: str, field: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values (total, 3), offsets and presence of a column of lists of three numbers."""
    present = column.is_valid().to_numpy(zero_copy_only=False)
    try:
        inner = column.drop_null()
        lengths = np.zeros(len(column), np.int64)
        lengths[present] = np.asarray(inner.value_lengths())
        triples = inner.flatten()
        values = np.asarray(triples.flatten().to_numpy(zero_copy_only=False), float)
        values = values.reshape(len(triples), 3)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, AttributeError, ValueError) as error:
        raise DataError(f"{name}: column '{field}' is no list of three numbers a row.") from error
    return values, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), present


def _named(
    triples: tuple[np.ndarray, np.ndarray, np.ndarray], names: tuple[str, str, str]
) -> Ragged:
    values, offsets, present = triples
    kinds = {"time": np.float64}
    fields = {n: values[:, i].astype(kinds.get(n, np.float32)) for i, n in enumerate(names)}
    return Ragged(fields, offsets, present)


def _feature_names(file: pq.ParquetFile, name: str) -> tuple[list[str], list[str]]:
    schema = file.schema_arrow
    structs = {}
    for group in ("meta_cols", "photo_cols"):
        kind = None
        if f"metadata.{group}" in schema.names:
            kind = schema.field(f"metadata.{group}").type
        elif "metadata" in schema.names and pa.types.is_struct(schema.field("metadata").type):
            outer = schema.field("metadata").type
            index = outer.get_field_index(group)
            kind = outer.field(index).type if index >= 0 else None
        if kind is None or not pa.types.is_struct(kind):
            raise DataError(f"{name} has no struct 'metadata.{group}': is it of AstroM3Processed?")
        structs[group] = [field.name for field in kind]
    return structs["meta_cols"], structs["photo_cols"]


def _features(
    table: pa.Table, name: str, meta_names: list[str], photo_names: list[str]
) -> dict[str, np.ndarray]:
    columns = {}
    for group, names in (("meta_cols", meta_names), ("photo_cols", photo_names)):
        try:
            if f"metadata.{group}" in table.column_names:
                struct = _array(table, f"metadata.{group}")
            else:
                struct = _array(table, "metadata").field(group)
            for feature in names:
                values = struct.field(feature).cast(pa.float64())
                columns[feature] = values.to_numpy(zero_copy_only=False)
        except (KeyError, pa.ArrowInvalid) as error:
            raise DataError(f"{name}: metadata.{group} cannot be read: {error}.") from error
    return columns


def _feature_units() -> dict[str, str | None]:
    groups = catalogue("asassn")["features"].values()
    return {name: spec.get("unit") for group in groups for name, spec in group.items()}
