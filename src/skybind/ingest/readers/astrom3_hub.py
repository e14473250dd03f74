"""The AstroM3 data set as its authors publish it: Parquet files of the hub's AstroM3Processed.

One folder holds the Parquet files of one configuration, `{full|sub50|sub25|sub10}_{seed}[_norm]`,
their names beginning with `train`, `validation` or `test`. Columns: `photometry` (epochs, 3): HJD
[d], flux [mJy], error; `spectra` (pixels, 3): wavelength [Angstrom], flux, error; or both
normalised (`skybind.ingest.readers.astrom3_arrays`); `metadata` with the structs `meta_cols` and
`photo_cols`, which in a `_norm` configuration are transformed and standardised; `label`. The
published parts become the split `published`, and configurations of the same seed that stand beside
a full one (`sub50_42` ...) its subsets.

The third column of the spectra is taken as it comes, as the error of the flux. A notebook of the
release passes the inverse variance on there; `options: {spectrum_error: ivar}` reads it so.
"""

from dataclasses import dataclass
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
from skybind.ingest.flat import catalogue_numbers
from skybind.ingest.plan import Chunk, Plan, quarantine_row
from skybind.ingest.readers.astrom3_arrays import (
    CHANNELS,
    GRID,
    curve_constants,
    photometry_of,
    read_matrices,
    spectra_of,
    whole_column,
)
from skybind.ingest.readers.astrom3_subsets import configuration_folder, find_subsets
from skybind.ingest.readers.registry import catalogue, register_dataset_reader
from skybind.ingest.readers.shards import Shard, ShardRows, iter_rows, open_shards
from skybind.ingest.readers.values import flat_values
from skybind.modalities.computed import FLUX_ZERO, STANDARDISED

ROWS = 512


ID_COLUMNS = ("object_id", "id", "source_id", "name")
#: A standardised column of training objects has its median within one deviation of its mean, 0.
LARGEST_MEDIAN = 3.0
QUARTER_DAYS = (
    "The times are of single precision, in steps of 0.25 d: phases and periods made from them mean "
    "nothing, and the order of epochs of one time is not known."
)
NORMAL_CURVES = (
    "The light curves are normalised in these files: they are brought back to days since the first "
    "epoch of each and to fluxes from its mean, which is lost."
)
NORMAL_SPECTRA = (
    "The spectra are normalised in these files: they are brought back to fluxes from the mean of "
    "each, which is lost unless pixels of zero flux tell it."
)
Subsets = dict[str, dict[str, np.ndarray]]


class HubOptions(BaseModel):
    """Options of the reader."""

    model_config = ConfigDict(extra="forbid")
    spectrum_error: Literal["flux_err", "ivar"] = Field(
        "flux_err", description="What the third column of the spectra is."
    )
    standardised: bool | None = Field(
        None,
        description="Whether the features are transformed and standardised already; by default "
        "where the folder's name ends in `_norm`.",
    )
    subsets: bool = Field(
        True,
        description="Take the subsets of the labels from the configurations beside a full one.",
    )


@dataclass(frozen=True)
class _Layout:
    """What the files of a configuration have in common.

    Attributes
    ----------
    meta, photo : list of str
        Names of the features.
    spectrum : tuple of str
        Fields of a spectrum.
    standardised : bool
    subsets : dict of str to dict of str to ndarray of bool
        Part -> subset -> which of its objects are in it.
    """

    meta: list[str]
    photo: list[str]
    spectrum: tuple[str, str, str]
    standardised: bool
    subsets: Subsets


@register_dataset_reader("astrom3_hub")
def read_astrom3_hub(path: Path, options: dict[str, Any], base: Path) -> Plan:
    """Plan the import of a folder of the hub's Parquet files, with its published split.

    Parameters
    ----------
    path : Path
        Folder with files train*.parquet, validation*.parquet, test*.parquet of one configuration.
    options : dict
        See `HubOptions`.
    base : Path
        Folder that a path among the options would be relative to.

    Raises
    ------
    DataError
        If the files are not what they should be, or of several configurations.
    """
    wanted = validate(HubOptions, options, "options")
    shards = open_shards(path)
    path = configuration_folder(path)
    _check(shards)
    first = shards[0]
    meta, photo = _feature_names(first.file, first.name)
    standardised = _is_standardised(shards, path, wanted.standardised, meta)
    beside, found = find_subsets(path, shards) if wanted.subsets else ([], {})
    layout = _Layout(
        meta, photo, ("wavelength", "flux", wanted.spectrum_error), standardised, found
    )
    curves = _width(first, "photometry") == CHANNELS
    spectra = _width(first, "spectra") == len(GRID)
    single = not curves and pa.types.is_float32(_innermost(first, "photometry"))
    told = ((NORMAL_CURVES, curves), (NORMAL_SPECTRA, spectra), (QUARTER_DAYS, single))
    return Plan(
        _columns(layout, curves, spectra),
        ((rows.n, partial(_chunk, rows, layout)) for rows in iter_rows(shards, ROWS)),
        total=sum(shard.file.metadata.num_rows for shard in shards),
        sources=[path, *beside],
        settings=options,
        provenance=f"AstroM3Processed, configuration {path.resolve().name} (CC BY 4.0)",
        notes=[note for note, holds in told if holds],
        split={"kind": "published"},
    )


def _columns(layout: _Layout, curves: bool, spectra: bool) -> dict[str, Column]:
    """What becomes of the columns, in the order of the dataset; which ones are normalised."""
    units = {} if layout.standardised else _feature_units()
    said = {STANDARDISED: True} if layout.standardised else {}
    groups = {"metadata": layout.meta, "photometry": layout.photo}
    return {
        "label": Column("label", description="ASAS-SN variable type"),
        **{
            name: Column("feature", units.get(name), modality=group, attributes=said)
            for group, names in groups.items()
            for name in names
        },
        "photometry": Column(
            "observation",
            description="Flux minus its mean; time since the first epoch" if curves else "",
            modality="photometry",
            fields={"time": "d", "flux": "mJy", "flux_err": "mJy"},
            attributes={FLUX_ZERO: "mean"} if curves else {},
        ),
        "spectrum": Column(
            "observation",
            description="Flux minus its mean" if spectra else "",
            modality="spectrum",
            fields={**dict.fromkeys(layout.spectrum), "wavelength": "Angstrom", "mask": None},
        ),
    }


def _check(shards: list[Shard]) -> None:
    for shard in shards:
        if not shard.file.metadata.num_rows:
            raise DataError(f"{shard.name} holds no objects.")
        for column in ("photometry", "spectra", "label"):
            if column not in shard.file.schema_arrow.names:
                raise DataError(
                    f"{shard.name} has no column '{column}': is it of AstroM3Processed?"
                )


def _is_standardised(shards: list[Shard], path: Path, said: bool | None, names: list[str]) -> bool:
    """Whether the features are standardised: as said, else by the folder's name.

    Raises
    ------
    DataError
        If their values say otherwise.
    """
    folder = path.resolve().name
    claim = folder.endswith("_norm") if said is None else said
    training = [
        list(
            _features(
                shard.file.read(columns=_metadata_columns(shard.file)),
                shard.name,
                "meta_cols",
                names,
            )[0].values()
        )
        for shard in shards
        if shard.part == "train"
    ]
    numbers = np.concatenate(training, axis=1) if training else np.zeros((len(names), 0))
    numbers = numbers[np.isfinite(numbers).any(axis=1)]
    if not len(numbers):
        return claim
    medians = np.abs(np.nanmedian(numbers, axis=1))
    if bool((medians < LARGEST_MEDIAN).all()) == claim:
        return claim
    if said is not None:
        why = f"The option standardised is {str(said).lower()}"
    else:
        why = f"The name of {folder} {'ends' if claim else 'does not end'} in _norm"
    raise DataError(
        f"{why}, but the medians of its features reach {medians.max():.3g}: those of standardised "
        f"ones lie below {LARGEST_MEDIAN:g}. Set the option standardised to "
        f"{str(not claim).lower()} if they are what they look like."
    )


def _chunk(rows: ShardRows, layout: _Layout) -> Chunk:
    table, name, part = rows.read(), rows.shard.name, rows.shard.part
    known = [column for column in ID_COLUMNS if column in table.column_names]
    place = slice(rows.start, rows.start + rows.n)
    if known:
        object_id = np.asarray(table[known[0]].cast(pa.string()).to_pylist(), object)
    else:
        numbered = range(place.start, place.stop)
        object_id = np.asarray([f"{part}-{row:06d}" for row in numbered], object)
    matrices = read_matrices(table, "photometry", name)
    curves, no_curves = photometry_of(matrices, object_id, name)
    pixels = read_matrices(table, "spectra", name)
    spectra, no_spectra = spectra_of(pixels, layout.spectrum, object_id, name)
    photo, no_photo = _features(table, name, "photo_cols", layout.photo)
    meta, no_meta = _features(table, name, "meta_cols", layout.meta)
    reasons = {"photometry": [*matrices.aside.items(), *no_photo],
               "spectrum": [*pixels.aside.items()], "metadata": no_meta}  # fmt: skip
    lost = [
        quarantine_row(object_id[row], name, modality, why)
        for modality, rows_lost in reasons.items()
        for row, why in rows_lost
    ]
    if layout.standardised:
        _check_constants(curve_constants(matrices), photo, name)
    columns: dict[str, Any] = {
        "object_id": object_id,
        "label": np.asarray(table["label"].cast(pa.string()).to_pylist(), object),
        "photometry": curves,
        "spectrum": spectra,
        **meta,
        **photo,
    }
    subsets = {subset: keep[place] for subset, keep in layout.subsets.get(part, {}).items()}
    return Chunk(
        columns,
        {"photometry": name, "spectrum": name},
        np.full(len(object_id), part, object),
        [*lost, *no_curves, *no_spectra],
        subsets,
    )


def _check_constants(constants: np.ndarray | None, photo: dict[str, np.ndarray], name: str) -> None:
    """Refuse light curves whose channels hold other standardised features than `photo_cols`."""
    if constants is None or len(photo) != constants.shape[1]:
        return
    for index, (feature, values) in enumerate(photo.items()):
        both = np.isfinite(values) & np.isfinite(constants[:, index])
        if not np.allclose(values[both], constants[both, index], rtol=1e-4, atol=1e-4):
            raise DataError(
                f"{name}: '{feature}' of metadata.photo_cols is not what stands in the channels of "
                "the light curves: which of them is standardised cannot be told."
            )


def _innermost(shard: Shard, column: str) -> pa.DataType:
    """Type of the numbers of a column of nested lists."""
    kind = shard.file.schema_arrow.field(column).type
    while hasattr(kind, "value_type"):
        kind = kind.value_type
    return kind


def _width(shard: Shard, column: str) -> int:
    """How many numbers a row of the matrices of a column has."""
    for batch in shard.file.iter_batches(batch_size=ROWS, columns=[column], use_threads=False):
        matrices = read_matrices(pa.Table.from_batches([batch]), column, shard.name)
        if len(matrices.values):
            break
    return matrices.width


def _metadata_columns(file: pq.ParquetFile) -> list[str]:
    return [name for name in file.schema_arrow.names if name.split(".")[0] == "metadata"]


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
    table: pa.Table, name: str, group: str, names: list[str]
) -> tuple[dict[str, np.ndarray], list[tuple[int, str]]]:
    """Read the numbers of one struct of the metadata, NaN where one is missing.

    Second, the rows with text that is no number, and what it is.
    """
    columns: dict[str, np.ndarray] = {}
    reasons: list[tuple[int, str]] = []
    try:
        if f"metadata.{group}" in table.column_names:
            struct = whole_column(table, f"metadata.{group}")
        else:
            struct = whole_column(table, "metadata")
            if not pa.types.is_struct(struct.type):
                raise DataError(f"{name}: metadata holds no structs.")
            struct = struct.field(group)
        if not pa.types.is_struct(struct.type):
            raise DataError(f"{name}: metadata.{group} holds no structs.")
        for feature in names:
            raw = flat_values(pa.chunked_array([struct.field(feature)]))
            columns[feature], wrong = catalogue_numbers(raw, feature, [])
            if len(wrong) == len(raw) > 0:
                raise DataError(f"{name}: metadata.{group}: '{feature}' holds no numbers.")
            reasons += wrong.items()
    except (KeyError, pa.ArrowInvalid) as error:
        raise DataError(f"{name}: metadata.{group} cannot be read: {error}.") from error
    return columns, reasons


def _feature_units() -> dict[str, str | None]:
    groups = catalogue("asassn")["features"].values()
    return {name: spec.get("unit") for group in groups for name, spec in group.items()}
