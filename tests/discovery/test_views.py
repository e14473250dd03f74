from dataclasses import replace

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.data.schema import BASE_COLUMNS, Column, DatasetSchema
from skybind.discovery.page_data import Neighbour
from skybind.discovery.page_tables import neighbour_table
from skybind.discovery.views import _catalogue, _written, colour_magnitude


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
