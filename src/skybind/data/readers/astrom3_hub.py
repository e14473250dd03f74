"""The AstroM3 data set as its authors publish it: Parquet files of the hub's AstroM3Processed.

One folder holds the Parquet files of one configuration (such as `full_42`), their names beginning
with `train`, `validation` or `test`. Columns: `photometry` (epochs, 3): HJD [d], flux [mJy], error;
`spectra` (pixels, 3): wavelength [Angstrom], flux, error; `metadata` with the structs `meta_cols`
and `photo_cols`; `label`. The published parts become the split `published`.

The third column of the spectra is taken as it comes, as the error of the flux. A notebook of the
release passes the inverse variance on there; `options: {spectrum_error: ivar}` reads it so.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from skybind.config.load import validate
from skybind.data.dataset import DatasetWriter
from skybind.data.import_ import DatasetBuilder, ImportSummary
from skybind.data.readers.registry import catalogue, register_dataset_reader
from skybind.data.schema import Column
from skybind.data.splits import PARTS, Split
from skybind.errors import DataError
from skybind.progress import progress_bar
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
def import_astrom3_hub(
    path: Path,
    out: Path,
    overwrite: bool = False,
    show: bool = False,
    options: dict[str, Any] | None = None,
) -> ImportSummary:
    """Make a dataset, with its published split, of a folder of the hub's Parquet files.

    Parameters
    ----------
    path : Path
        Folder with files train*.parquet, validation*.parquet, test*.parquet.
    out : Path
        Folder of the dataset to make.
    overwrite : bool
        Replace a dataset that stands there.
    show : bool
        Show the progress.
    options : dict, optional
        See `HubOptions`.

    Returns
    -------
    ImportSummary

    Raises
    ------
    DataError
        If the files are not what they should be.
    """
    error_field = validate(HubOptions, options or {}, "options").spectrum_error
    files = _files(path)
    total = sum(file.metadata.num_rows for _, _, file in files)
    units = _feature_units()
    meta_names, photo_names = _feature_names(files[0][2], files[0][1])
    columns = {
        "label": Column("label", description="ASAS-SN variable type"),
        **{name: Column("feature", units.get(name), modality="metadata") for name in meta_names},
        **{name: Column("feature", units.get(name), modality="photometry") for name in photo_names},
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
    provenance = f"AstroM3Processed, configuration {path.resolve().name} (CC BY 4.0)"
    ids: list[np.ndarray] = []
    parts: list[str] = []
    target = DatasetWriter(out, columns, provenance=provenance, overwrite=overwrite)
    with target as writer, progress_bar("Importing", total, show) as advance:
        builder = DatasetBuilder(writer, {"photometry": "photometry", "spectrum": "spectrum"})
        for part, name, batch in _batches(files):
            chunk, object_id = _chunk(batch, name, part, parts.count(part), error_field)
            chunk |= _features(batch, name, meta_names, photo_names)
            source = np.full(len(object_id), name, object)
            builder.append(chunk, {"photometry": source, "spectrum": source})
            ids.append(object_id)
            parts += [part] * len(object_id)
            advance(len(parts))
    split = Split(
        np.concatenate(ids).astype(str), np.asarray(parts, str), recipe={"kind": "published"}
    )
    split.write(out / "splits" / "published.parquet")
    return builder.finish(out)


def _files(path: Path) -> list[tuple[str, str, pq.ParquetFile]]:
    if not path.is_dir():
        raise DataError(f"There is no folder {path} with the hub's Parquet files.")
    found = []
    for part in PARTS:
        for file in sorted(path.rglob(f"{part}*.parquet")):
            try:
                found.append((part, file.name, pq.ParquetFile(file)))
            except (pa.ArrowInvalid, OSError) as error:
                first = str(error).splitlines()[0].rstrip(".")
                raise DataError(f"{file} is no readable Parquet file: {first}.") from error
    if not found:
        raise DataError(
            f"{path} holds no file train*.parquet, validation*.parquet or test*.parquet."
        )
    for _, name, file in found:
        if not file.metadata.num_rows:
            raise DataError(f"{name} holds no objects.")
        for column in ("photometry", "spectra", "label"):
            if column not in file.schema_arrow.names:
                raise DataError(f"{name} has no column '{column}': is it of AstroM3Processed?")
    return found


def _batches(
    files: list[tuple[str, str, pq.ParquetFile]],
) -> Iterator[tuple[str, str, pa.RecordBatch]]:
    for part, name, file in files:
        try:
            for batch in file.iter_batches(batch_size=ROWS, use_threads=False):
                yield part, name, batch
        except (pa.ArrowInvalid, OSError) as error:
            first = str(error).splitlines()[0].rstrip(".")
            raise DataError(f"{name} is damaged: {first}.") from error


def _chunk(
    batch: pa.RecordBatch, name: str, part: str, start: int, error_field: str
) -> tuple[dict[str, Any], np.ndarray]:
    known = [column for column in ID_COLUMNS if column in batch.schema.names]
    if known:
        object_id = np.asarray(batch[known[0]].cast(pa.string()).to_pylist(), object)
    else:
        object_id = np.asarray(
            [f"{part}-{row:06d}" for row in range(start, start + batch.num_rows)], object
        )
    curves = _triples(batch["photometry"], name, "photometry")
    spectra = _triples(batch["spectra"], name, "spectra")
    chunk = {
        "object_id": object_id,
        "label": np.asarray(batch["label"].cast(pa.string()).to_pylist(), object),
        "photometry": _named(curves, ("time", "flux", "flux_err")),
        "spectrum": _named(spectra, ("wavelength", "flux", error_field)),
    }
    return chunk, object_id


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
    batch: pa.RecordBatch, name: str, meta_names: list[str], photo_names: list[str]
) -> dict[str, np.ndarray]:
    columns = {}
    for group, names in (("meta_cols", meta_names), ("photo_cols", photo_names)):
        try:
            if f"metadata.{group}" in batch.schema.names:
                struct = batch[f"metadata.{group}"]
            else:
                struct = batch["metadata"].field(group)
            for feature in names:
                values = struct.field(feature).cast(pa.float64())
                columns[feature] = values.to_numpy(zero_copy_only=False)
        except (KeyError, pa.ArrowInvalid) as error:
            raise DataError(f"{name}: metadata.{group} cannot be read: {error}.") from error
    return columns


def _feature_units() -> dict[str, str | None]:
    groups = catalogue("asassn")["features"].values()
    return {name: spec.get("unit") for group in groups for name, spec in group.items()}
