"""What the page of discoveries is drawn from, read from the dataset and the tables."""

from dataclasses import replace

import numpy as np
import pyarrow.compute as pc

from skybind.data.dataset import Dataset
from skybind.data.quantities import quantity_of
from skybind.data.redshifts import redshifts_of
from skybind.discovery.page_data import (
    ColourMagnitude,
    DiscoverData,
    MeanSpectrum,
    Neighbour,
    ObjectPage,
    StructureView,
)
from skybind.discovery.records import DiscoverRecord
from skybind.discovery.table import read_discovery
from skybind.drawing.from_dataset import (
    columns_of,
    load_examples,
    observed_spectra,
    told_column,
)
from skybind.embeddings.store import Embeddings
from skybind.evaluation.targets import targets_of
from skybind.lightcurves.columns import ALIASES, FAP
from skybind.measures.neighbours import nearest
from skybind.measures.significance import LEVEL
from skybind.modalities.computed import PERIOD, is_computed
from skybind.runs.run import Run

NEIGHBOURS = 6


#: Parallaxes below so many standard errors give no absolute magnitude.
LEAST = 3


#: Spectra that a mean is made of, at most; pixels of the mean.
AVERAGED, PIXELS = 300, 800


def discover_data(
    run: Run, embeddings: Embeddings, record: DiscoverRecord, top: int
) -> DiscoverData:
    """Read everything that the page shows.

    Parameters
    ----------
    run : Run
    embeddings : Embeddings
        Of all of the run's objects, in the dataset's order.
    record : DiscoverRecord
        Content of `discover.json`.
    top : int
        Objects with a page of their own.
    """
    atlas = read_discovery(run.paths.discover.map(), model=embeddings.model.get("weights"))
    n = len(run.dataset)
    position = np.full((n, 2), np.nan)
    if "x" in atlas.column_names:
        position = np.stack([atlas["x"].to_numpy(), atlas["y"].to_numpy()], axis=1)
    label = run.class_names
    if run.classes:
        label = run.dataset.labels(run.config.labels.column)
    return DiscoverData(
        title=f"Discoveries of {run.config.name}",
        record=record,
        position=position,
        label=label,
        objects=_objects(run, embeddings, label, top),
        structures=_structures(run, record, position),
    )


def _objects(run: Run, embeddings: Embeddings, label: np.ndarray, top: int) -> list[ObjectPage]:
    table = read_discovery(run.paths.discover.outliers(), model=embeddings.model.get("weights"))
    # who has no reason to be suspected is not listed
    table = table.filter(pc.not_equal(table["reasons"], "")).slice(0, top)
    place = {name: row for row, name in enumerate(embeddings.object_id.tolist())}
    rows = np.asarray([place[name] for name in table["object_id"].to_pylist()], dtype=np.int64)
    targets = targets_of(run.dataset, run.config.evaluation.targets)
    examples = load_examples(run.dataset, rows, targets, label, columns_of(run))
    library = np.flatnonzero(embeddings.any_present())
    vectors = embeddings.mean()
    index, cosine = nearest(vectors[library], vectors[rows], NEIGHBOURS + 1)
    pages = []
    for number, (row, entry) in enumerate(zip(rows.tolist(), table.to_pylist(), strict=True)):
        found = [
            Neighbour(
                str(embeddings.object_id[library[i]]),
                float(c),
                str(label[library[i]]),
                str(embeddings.split[library[i]]),
                {t.name: _written(t.values[library[i]]) for t in targets},
            )
            for i, c in zip(index[number], cosine[number], strict=True)
            if library[i] != row
        ]
        example = examples[row]
        example.split = str(embeddings.split[row])
        pages.append(
            ObjectPage(
                rank=entry["rank"],
                suspicion=entry["suspicion"],
                reasons=entry["reasons"],
                suggested=entry["suggested_label"] or "",
                example=example,
                catalogue=_catalogue(run.dataset, row),
                neighbours=found[:NEIGHBOURS],
            )
        )
    return pages


def _catalogue(dataset: Dataset, row: int) -> dict[str, str]:
    """The flat columns of one object as text with units; those not known are left out.

    Of what was computed from its light curves the period alone, with significance and aliases.
    """
    written = {}
    for name in dataset.flat_columns:
        column = dataset.schema.columns[name]
        said = column.attributes
        if is_computed(said) and said["quantity"] not in (PERIOD, FAP, *ALIASES):
            continue
        value = dataset.column(name, np.array([row]))[0]
        if isinstance(value, float | np.floating):
            if np.isfinite(value):
                digits = "8" if column.role == "position" else "5"
                written[name] = f"{value:.{digits}g}" + (f" {column.unit}" if column.unit else "")
        elif value not in (None, "") and value == value:  # no date is not equal to itself
            written[name] = str(value)
    return written


def _structures(run: Run, record: DiscoverRecord, position: np.ndarray) -> list[StructureView]:
    table = read_discovery(run.paths.discover.parts)
    names = np.asarray(table["class"].to_pylist(), dtype=str)
    modalities = np.asarray(table["modality"].to_pylist(), dtype=str)
    rows, part = table["row"].to_numpy(), table["part"].to_numpy()
    views = []
    for entry in record.structure:
        own = (names == entry.name) & (modalities == entry.modality)
        clear = entry.p_value <= LEVEL
        views.append(
            StructureView(
                entry,
                part[own],
                position[rows[own]],
                colour_magnitude(run.dataset, rows[own]) if clear else None,
                mean_spectra(run, rows[own], part[own], entry.modality) if clear else [],
            )
        )
    return views


def colour_magnitude(dataset: Dataset, rows: np.ndarray) -> ColourMagnitude | None:
    """Colour and magnitude, absolute where there is a parallax; None without two magnitudes."""
    columns = dataset.schema.columns
    schema = dataset.schema
    features = [name for catalogue in schema.catalogues for name in schema.features(catalogue)]
    quantity = {name: quantity_of(name, columns[name]) for name in features}
    bands = [name for name, what in quantity.items() if what == "magnitude"]
    colours = [name for name, what in quantity.items() if what == "colour"]
    # a catalogue names its main magnitude first; a mean of a light curve is no catalogue's
    bands = [name for name in bands if not name.startswith("mean_")] or bands
    if not bands or (not colours and len(bands) < 2):
        return None
    magnitude, what = dataset.numbers(bands[0])[rows], bands[0]
    if colours:
        colour, name = dataset.numbers(colours[0])[rows], colours[0]
    else:
        colour = magnitude - dataset.numbers(bands[1])[rows]
        name = f"{bands[0]} − {bands[1]}"
    if "parallax" in dataset.schema.columns:
        parallax = dataset.numbers("parallax")[rows]
        if "parallax_error" in dataset.schema.columns:
            error = dataset.numbers("parallax_error")[rows]
            parallax = np.where(parallax > LEAST * error, parallax, np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            magnitude = magnitude + 5 * np.log10(parallax) - 10
        what = f"absolute {bands[0]}"
    return ColourMagnitude(f"{name} [mag]", f"{what} [mag]", colour, magnitude)


def mean_spectra(
    run: Run, rows: np.ndarray, part: np.ndarray, first: str = ""
) -> list[MeanSpectrum]:
    """Average the spectra of every part, on the wavelengths that most of its spectra cover.

    Where every part has two spectra or more whose redshift is known, the means are of these, in
    the rest frame; else all are averaged as they were observed. Of several columns of spectra it is
    that of the modality `first`, else the one that the run embeds first.
    """
    name = columns_of(run, [first]).get("spectrum")
    if name is None:
        return []
    rng = np.random.default_rng(run.config.seed)
    present = run.dataset.present(name)
    every = [rows[(part == k) & present[rows]] for k in range(int(part.max(initial=-1)) + 1)]
    redshift = _all_redshifts(run.dataset)
    known = every if redshift is None else [own[np.isfinite(redshift[own])] for own in every]
    at_rest = redshift is not None and all(len(own) >= 2 for own in known)
    chosen = [np.sort(rng.permutation(own)[:AVERAGED]) for own in (known if at_rest else every)]
    if any(len(members) < 2 for members in chosen):
        return []
    made, column = [], told_column(run.dataset, name)
    for members, own, with_redshift in zip(chosen, every, known, strict=True):
        shifts = redshift[members] if redshift is not None and at_rest else None
        mean = _mean(observed_spectra(run.dataset, name, members, shifts))
        frame = "rest" if at_rest else "observed" if redshift is not None else ""
        left_out = len(own) - len(with_redshift) if at_rest else 0
        made.append(replace(mean, frame=frame, left_out=left_out, column=column))
    return made


def _all_redshifts(dataset: Dataset) -> np.ndarray | None:
    """Redshift of every object, NaN where not known; None where there are none at all."""
    found = redshifts_of(dataset, np.arange(len(dataset)))
    return None if found is None or not np.isfinite(found[0]).any() else found[0]


def _mean(spectra: list[tuple[np.ndarray, np.ndarray]]) -> MeanSpectrum:
    first = np.median([wavelength[0] for wavelength, _ in spectra])
    last = np.median([wavelength[-1] for wavelength, _ in spectra])
    grid = np.linspace(first, last, PIXELS)
    lines = []
    for wavelength, flux in spectra:
        good = np.isfinite(flux)
        if good.sum() < 10:
            continue
        known = np.interp(grid, wavelength[good], flux[good], left=np.nan, right=np.nan)
        middle = np.nanmedian(known) if np.isfinite(known).any() else np.nan
        if np.isfinite(middle) and middle > 0:
            lines.append(known / middle)
    stacked = np.asarray(lines) if lines else np.full((1, PIXELS), np.nan)
    count = np.isfinite(stacked).sum(axis=0)
    total = np.nansum(stacked, axis=0)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    square = np.nansum((stacked - mean) ** 2, axis=0)
    error = np.sqrt(square / np.maximum(count - 1, 1) / np.maximum(count, 1))
    return MeanSpectrum(grid, mean, np.where(count > 1, error, np.nan), len(lines))


def _written(value: float) -> str:
    """A number of an object; "" where it is not known."""
    return f"{value:.4g}" if np.isfinite(value) else ""
