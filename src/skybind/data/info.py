"""What is in a dataset, in one dataclass, and how it is printed."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine, short_reason
from skybind.data.schema import Column, DatasetSchema
from skybind.data.splits import PARTS, Split
from skybind.data.systems import offsets_text
from skybind.data.write import created_on
from skybind.errors import DataError
from skybind.modalities.computed import definition
from skybind.progress import step

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


#: Bands that `skybind data info` prints one by one.
MOST_BANDS = 20


@dataclass(frozen=True)
class ModalityInfo:
    """One modality of a dataset.

    Attributes
    ----------
    kind : str
        `photometry`, `spectrum` ...; `metadata` for a row of a catalogue.
    objects : int
        How many objects were observed so.
    fields : dict of str to (str or None)
        Fields or features, with their units.
    median_length : float or None
        Median number of epochs or pixels; None for metadata.
    attributes : dict of str to anything
        What the schema says of all objects, as the pixel scale of images.
    sides : (int, int) or None
        Of images: pixels a side of the smallest and the largest.
    visits : (int, int) or None
        Where an object may have several: how many there are in all, and objects with more than one.
    bands : dict of str to (int, int)
        Of light curves: epochs in each band, and objects that have some; "" of no band.
    """

    kind: str
    objects: int
    fields: dict[str, str | None]
    median_length: float | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    sides: tuple[int, int] | None = None
    visits: tuple[int, int] | None = None
    bands: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class SplitInfo:
    """One split: its hash, objects of each part, and of each part of every subset."""

    hash: str
    parts: dict[str, int]
    subsets: dict[str, dict[str, int]]


@dataclass(frozen=True)
class DatasetInfo:
    """What a dataset holds.

    Attributes
    ----------
    path : str
    objects, n_bytes : int
    provenance, created : str
    simulated : bool
    fingerprint : str
    modalities : dict of str to ModalityInfo
    overlaps : dict of tuple of str to int
        Combination of modalities -> objects that have exactly these.
    definitions : dict of str to list of str
        Where features of light curves come from, in words -> their columns.
    labels : dict of str to dict of str to int
        Label column -> class -> objects; "" counts those without.
    targets : dict of str to int
        Target column -> objects that have it.
    splits : dict of str to SplitInfo
    damaged_splits : dict of str to str
        Splits that cannot be read, and why.
    quarantine : dict of (str, str) to int
        (modality, reason) -> observations set aside.
    """

    path: str
    objects: int
    n_bytes: int
    provenance: str
    created: str
    simulated: bool
    fingerprint: str
    modalities: dict[str, ModalityInfo]
    overlaps: dict[tuple[str, ...], int]
    definitions: dict[str, list[str]]
    labels: dict[str, dict[str, int]]
    targets: dict[str, int]
    splits: dict[str, SplitInfo] = field(default_factory=dict)
    damaged_splits: dict[str, str] = field(default_factory=dict)
    quarantine: dict[tuple[str, str], int] = field(default_factory=dict)


@step("looking into the dataset", told=False)
def dataset_info(path: str | Path) -> DatasetInfo:
    """Look what is in a dataset.

    Raises
    ------
    DataError
        If there is none at `path`, or it cannot be read.
    """
    dataset = Dataset.open(path)
    schema = dataset.schema
    present: dict[str, np.ndarray] = {}
    modalities: dict[str, ModalityInfo] = {}
    for name in schema.modalities:
        if name in schema.observations:
            lengths = dataset.lengths(name)
            present[name] = lengths >= 0
            found = _observation(schema.columns[name], name, lengths[present[name]])
            if found.kind == "photometry":
                found = replace(found, bands=dataset.bands(name))
            if name in schema.visits:
                counts = dataset.visit_counts(name)
                found = replace(found, visits=(int(counts.sum()), int((counts > 1).sum())))
            modalities[name] = found
        else:
            present[name] = dataset.present(name)
            fields = {feature: schema.columns[feature].unit for feature in schema.features(name)}
            said = {
                key: {f: own[key] for f in fields if key in (own := schema.attributes(f))}
                for key in ("system", "offsets", "missing")
            }
            said = {key: values for key, values in said.items() if values}
            number = int(present[name].sum())
            modalities[name] = ModalityInfo("metadata", number, fields, attributes=said)
    splits, damaged = _splits(dataset)
    return DatasetInfo(
        path=str(path),
        objects=len(dataset),
        n_bytes=dataset.n_bytes,
        provenance=schema.provenance,
        created=created_on(dataset.path, schema),
        simulated=schema.simulated,
        fingerprint=dataset.fingerprint,
        modalities=modalities,
        overlaps=_overlaps(present, len(dataset)),
        definitions=_definitions(schema),
        labels={name: _counts(dataset.labels(name)) for name in schema.with_role("label")},
        targets={
            name: int(np.isfinite(dataset.numbers(name)).sum())
            for name in schema.with_role("target")
        },
        splits=splits,
        damaged_splits=damaged,
        quarantine=dict(
            Counter(
                (row["modality"] or "", short_reason(row["reason"] or "", row["source"] or ""))
                for row in read_quarantine(Path(path))
            )
        ),
    )


def render_info(info: DatasetInfo) -> "RenderableType":
    """Give the tables that `skybind data info` prints, for a rich console."""
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    head = Table.grid(padding=(0, 2))
    simulated = " (simulated)" if info.simulated else ""
    head.add_row("Dataset", f"{escape(info.path)}{simulated}")
    head.add_row("Objects", f"{info.objects:,}")
    head.add_row("Size", _size(info.n_bytes))
    head.add_row("Made", escape(info.created or "not known"))
    head.add_row("Provenance", escape(info.provenance or "not known"))
    head.add_row("Fingerprint", info.fingerprint)
    for source, columns in info.definitions.items():
        head.add_row("Features", f"{escape(_some(columns))} of light curves: {escape(source)}")
    for name, n in info.targets.items():
        head.add_row("Target", f"{escape(name)}: {n:,} objects")
    parts: list[RenderableType] = [head]

    modalities = Table("Modality", "Kind", "Objects", "Length", "Fields", title="Modalities")
    for name, modality in info.modalities.items():
        row = (name, modality.kind, f"{modality.objects:,}", _length(modality), _fields(modality))
        modalities.add_row(*(escape(cell) for cell in row))
    parts.append(modalities)

    for name, modality in info.modalities.items():
        if modality.bands:
            parts.append(_bands_table(name, modality.bands))

    overlaps = Table("Observed in exactly", "Objects", title="Overlaps")
    for names, n in sorted(info.overlaps.items(), key=lambda item: -item[1]):
        overlaps.add_row(" + ".join(names) or "nothing", f"{n:,}")
    parts.append(overlaps)

    for label, classes in info.labels.items():
        table = Table("Class", "Objects", title=f"Classes of '{escape(label)}'")
        for name, n in sorted(classes.items(), key=lambda item: -item[1]):
            table.add_row(escape(name) or "(none)", f"{n:,}")
        parts.append(table)

    if info.splits or info.damaged_splits:
        table = Table("Split", "Hash", *PARTS, title="Splits")
        for name, split in info.splits.items():
            table.add_row(name, split.hash, *(f"{split.parts[part]:,}" for part in PARTS))
            for subset, counts in split.subsets.items():
                table.add_row(f"  subset {subset}", "", *(f"{counts[part]:,}" for part in PARTS))
        for name, reason in info.damaged_splits.items():
            table.add_row(name, f"[red]damaged[/red]: {escape(reason)}", "", "", "")
        parts.append(table)

    if info.quarantine:
        table = Table("Modality", "Reason", "Observations", title="Quarantine")
        for (name, reason), n in sorted(info.quarantine.items(), key=lambda item: -item[1]):
            table.add_row(escape(name), escape(reason), f"{n:,}")
        parts.append(table)
    return Group(*parts)


def _observation(column: Column, name: str, lengths: np.ndarray) -> ModalityInfo:
    """Describe an observation column by its schema and the lengths of what was observed."""
    kind = column.modality or name
    median = float(np.median(lengths)) if len(lengths) else None
    sides = None
    if kind == "image" and len(lengths):
        sides = (round(float(lengths.min()) ** 0.5), round(float(lengths.max()) ** 0.5))
    return ModalityInfo(
        kind, len(lengths), dict(column.fields), median, dict(column.attributes), sides
    )


def _bands_table(name: str, bands: dict[str, tuple[int, int]]) -> "Table":
    """Give the table of bands, those with the most epochs first; the rarest in one row."""
    from rich.markup import escape
    from rich.table import Table

    table = Table("Band", "Epochs", "Objects", title=f"Bands of {escape(name)}")
    ordered = sorted(bands.items(), key=lambda item: -item[1][0])
    for band, (epochs, objects) in ordered[:MOST_BANDS]:
        table.add_row(escape(band) or "(none)", f"{epochs:,}", f"{objects:,}")
    rest = [epochs for _, (epochs, _) in ordered[MOST_BANDS:]]
    if rest:
        table.add_row(f"{len(rest)} more", f"{sum(rest):,}", "")
    return table


def _length(modality: ModalityInfo) -> str:
    if modality.sides is not None:
        small, large = modality.sides
        return f"{small} x {small}" + (f" to {large} x {large}" if large > small else "")
    length = "" if modality.median_length is None else f"{modality.median_length:g} (median)"
    if modality.visits is not None:
        total, several = modality.visits
        length += f"; {total:,} visits, {several:,} objects with several"
    return length


def _fields(modality: ModalityInfo) -> str:
    units = [f"{f} [{u}]" if u else f for f, u in modality.fields.items()]
    text = _some(units)
    notes = [_attribute(key, value) for key, value in modality.attributes.items()]
    return "; ".join([text, ", ".join(notes)] if notes else [text])


def _attribute(key: str, value: Any) -> str:
    """An attribute of a column in words."""
    if key == "offsets":
        return f"offsets {offsets_text(value)}"
    if isinstance(value, dict):  # by field
        each = {f: v if isinstance(v, list) else [v] for f, v in value.items()}
        show = repr if key == "missing" else str
        return "; ".join(f"{key} {', '.join(map(show, v))} of {f}" for f, v in each.items())
    return f"{key} {value}"


def _some(names: list[str]) -> str:
    """The first of some names, and how many more there are."""
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _definitions(schema: DatasetSchema) -> dict[str, list[str]]:
    """Columns of features of light curves by where they come from."""
    found: dict[str, list[str]] = {}
    for name in schema.features("photometry"):
        found.setdefault(definition(schema.attributes(name)), []).append(name)
    return found


def _overlaps(present: dict[str, np.ndarray], n: int) -> dict[tuple[str, ...], int]:
    """Count the objects of every combination of modalities that occurs."""
    names = list(present)
    code = np.zeros(n, np.int64)
    for bit, name in enumerate(names):
        code |= present[name].astype(np.int64) << bit
    codes, counts = np.unique(code, return_counts=True)
    return {
        tuple(name for bit, name in enumerate(names) if combination >> bit & 1): count
        for combination, count in zip(codes.tolist(), counts.tolist(), strict=True)
    }


def _counts(labels: np.ndarray) -> dict[str, int]:
    names, counts = np.unique(labels, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def _splits(dataset: Dataset) -> tuple[dict[str, SplitInfo], dict[str, str]]:
    splits, damaged = {}, {}
    for path in sorted((dataset.path / "splits").glob("*.parquet")):
        try:
            split = Split.read(path)
        except DataError as error:
            damaged[path.stem] = str(error)
            continue
        subsets = {
            name: {part: len(split.rows(part, name)) for part in PARTS} for name in split.subsets
        }
        parts = {part: len(split.rows(part)) for part in PARTS}
        splits[path.stem] = SplitInfo(split.hash, parts, subsets)
    return splits, damaged


def _size(n_bytes: int) -> str:
    size, unit = float(n_bytes), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
