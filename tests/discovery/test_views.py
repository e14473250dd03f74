from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.data.schema import BASE_COLUMNS, Column, DatasetSchema
from skybind.discovery.page_data import Neighbour
from skybind.discovery.page_tables import neighbour_table
from skybind.discovery.views import _catalogue, _written, colour_magnitude, mean_spectra


def test_a_diagram_is_of_the_catalogues_colour_and_main_magnitude(stars):
    dataset, rows = Dataset.open(stars), np.arange(50)
    columns = dataset.schema.columns
    diagram = colour_magnitude(dataset, rows)
    assert diagram.colour_name == "bp_rp [mag]"
    assert diagram.magnitude_name == "absolute phot_g_mean_mag [mag]"
    np.testing.assert_array_equal(diagram.colour, dataset.numbers("bp_rp")[rows])
    parallax = dataset.numbers("parallax")[rows]
    sure = parallax > 3 * dataset.numbers("parallax_error")[rows]
    assert (np.isfinite(diagram.magnitude) <= sure).all()
    distance = 1000 / parallax[sure]  # pc
    known = dataset.numbers("phot_g_mean_mag")[rows][sure] - 5 * np.log10(distance / 10)
    np.testing.assert_allclose(diagram.magnitude[sure], known)
    # whatever the descriptions say
    for name in list(columns):
        columns[name] = replace(columns[name], description="something minus something uncertain")
    again = colour_magnitude(dataset, rows)
    assert (again.colour_name, again.magnitude_name) == (
        diagram.colour_name,
        diagram.magnitude_name,
    )
    # the schema's own word counts before the name
    columns["bp_rp"] = replace(columns["bp_rp"], attributes={"quantity": "uncertainty"})
    assert colour_magnitude(dataset, rows).colour_name == "j_k [mag]"


def test_a_diagram_without_colours_takes_the_difference_of_two_magnitudes(stars):
    dataset, rows = Dataset.open(stars), np.arange(50)
    columns = dataset.schema.columns
    for name in ("bp_rp", "j_k", "w1_w2", "w3_w4"):
        columns[name] = replace(columns[name], role="info")
    diagram = colour_magnitude(dataset, rows)
    assert diagram.colour_name == "phot_g_mean_mag − phot_bp_mean_mag [mag]"
    for name in dataset.schema.features("metadata"):
        columns[name] = replace(columns[name], role="info")
    assert colour_magnitude(dataset, rows) is None


def test_an_object_shows_all_that_the_catalogue_says_of_it():
    flat = {"object_id": ["a"], "ra": [10.0], "dec": [5.0], "z": [0.125], "g": [18.5]}
    columns = {
        **BASE_COLUMNS,
        "z": Column("target", attributes={"quantity": "redshift"}),
        "g": Column("feature", "mag", modality="metadata", attributes={"quantity": "magnitude"}),
    }
    dataset = Dataset.from_table(pa.table(flat), DatasetSchema(columns), "one")
    assert _catalogue(dataset, 0) == {
        "ra": "10 deg",
        "dec": "5 deg",
        "z": "0.125",
        "g": "18.5 mag",
    }


def test_a_number_that_is_not_known_is_a_dash():
    names = [_written(value) for value in (0.12345, np.nan)]
    near = [Neighbour("a", 0.9, "EA", "train", {"redshift": name}) for name in names]
    assert [row[-1].text for row in neighbour_table(near).rows] == ["0.1235", "–"]


def galaxies(redshift, at):
    """A run of galaxies with a line at 5000 Angstrom at rest, whose true redshifts are `at`."""
    grid = np.linspace(4500, 9000, 3000)
    slope = np.linspace(0.9, 1.1, len(grid))  # a constant flux is none
    lines = [slope + 9 * np.exp(-0.5 * ((grid - 5000 * (1 + z)) / 5) ** 2) for z in at]
    ivar = [1.0] * len(grid)
    observed = [{"wavelength": grid.tolist(), "flux": f.tolist(), "ivar": ivar} for f in lines]
    fields = {"wavelength": "Angstrom", "flux": "", "ivar": ""}
    columns = {
        "object_id": Column("id"),
        "spectrum": Column("observation", modality="spectrum", fields=fields),
    }
    table = {"object_id": [str(n) for n in range(len(at))], "spectrum": observed}
    if redshift is not None:
        columns["redshift"] = Column("feature", modality="catalogue")
        table["redshift"] = redshift
    dataset = Dataset.from_table(pa.table(table), DatasetSchema(columns))
    return SimpleNamespace(dataset=dataset, config=SimpleNamespace(modalities={}, seed=0))


def test_mean_spectra_of_galaxies_are_at_rest():
    at = [0.0, 0.1, 0.3, 0.5, 0.2, 0.4, 0.6]
    run = galaxies([*at[:4], None, *at[5:]], at)
    part = np.array([0, 0, 0, 0, 0, 1, 1])
    one, other = mean_spectra(run, np.arange(7), part)
    assert (one.n, one.left_out, one.frame) == (4, 1, "rest")
    assert (other.n, other.left_out, other.axis) == (2, 0, "Rest wavelength [Å]")
    for mean in (one, other):
        peak = np.nanargmax(mean.flux)
        assert abs(mean.wavelength[peak] - 5000) < 10
        assert mean.flux[peak] > 6  # of all that were averaged
    # as observed where one part has too few redshifts, and that is said
    few = galaxies([0.1, 0.2, None, 0.3, None, None, None], at)
    assert [m.axis for m in mean_spectra(few, np.arange(7), part)] == [
        "Observed wavelength [Å]"
    ] * 2
    assert [m.n for m in mean_spectra(few, np.arange(7), part)] == [5, 2]
    stars = mean_spectra(galaxies(None, at), np.arange(7), part)
    assert [(m.axis, m.left_out) for m in stars] == [("Wavelength [Å]", 0)] * 2
