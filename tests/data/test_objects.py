"""A dataset as people look at it: by object, as tables, and what it says of itself."""

import astropy.units as u
import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.errors import DataError
from skybind.ingest.given import take_given
from skybind.ragged import Ragged
from tests.ingest.test_given import COLUMNS, FLUX, TIME, VALUES, WANTED, WAVE

IMAGES = Ragged(
    {"g": np.arange(32, dtype=np.float32), "r": np.arange(32, dtype=np.float32) * 2},
    np.array([0, 16, 16, 32]),
    np.array([True, False, True]),
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people") / "stars"
    image = Column("observation", modality="image", fields={"g": "nmgy", "r": "nmgy"},
                   attributes={"pixel_scale": 0.3, "stretch": "linear"})  # fmt: skip
    columns = {**COLUMNS, "image": image, "redshift": Column("target", None, "Redshift")}
    values = {**VALUES, "image": IMAGES, "redshift": np.array([0.1, 0.2, np.nan])}
    with DatasetWriter(folder, columns, simulated=True, provenance="Made up.") as writer:
        writer.append(values)
    return Dataset.open(folder)


def test_an_object_has_its_observations_with_units(dataset):
    star = dataset["c"]
    assert star.object_id == "c"
    np.testing.assert_array_equal(star.photometry.time, TIME[4:] * u.d)
    assert star.photometry.flux.unit == u.mJy
    np.testing.assert_array_equal(star.photometry["flux"].value, FLUX[4:])
    np.testing.assert_array_equal(star.spectrum.wavelength, WAVE[4:] * u.AA)
    assert star.spectrum.flux.to("1e-16 erg/(s cm2 Angstrom)").value[0] == pytest.approx(0.5)
    assert star.image.r.shape == (4, 4)
    assert star.image.r.unit == u.Unit("nmgy")
    assert star.image.attributes["pixel_scale"] == 0.3
    assert len(star.photometry) == 3
    assert dataset["b"].photometry is None
    assert dataset["b"].modalities == ["metadata"]
    assert dataset["a"].modalities == ["photometry", "spectrum", "image", "metadata"]


def test_an_object_has_its_row_of_the_catalogue(dataset):
    star = dataset["a"]
    assert star.period == 0.5 * u.d
    assert star["parallax"] == 1 * u.mas
    assert star.label == "EW"
    assert star.ra == 1 * u.deg
    assert dataset["c"].dec is None
    assert dataset["c"].metadata == {"ratio": 3.0}
    assert star.metadata == {"parallax": 1 * u.mas, "ratio": 1.0}


def test_objects_are_found_by_name_and_row(dataset):
    assert "b" in dataset
    assert "z" not in dataset
    assert dataset[-1].object_id == dataset[np.int64(2)].object_id == "c"
    assert [star.object_id for star in dataset] == ["a", "b", "c"]
    with pytest.raises(DataError, match="no object 'aa': did you mean 'a'"):
        dataset["aa"]
    with pytest.raises(IndexError, match="no row 3"):
        dataset[3]
    with pytest.raises(AttributeError, match="did you mean 'photometry'"):
        _ = dataset["a"].fotometry
    with pytest.raises(DataError, match="did you mean 'label'"):
        dataset["a"]["lable"]
    with pytest.raises(DataError, match="did you mean 'flux'"):
        dataset["a"].photometry["fluxx"]
    with pytest.raises(AttributeError, match="did you mean 'flux'"):
        _ = dataset["a"].photometry.fluxx


def test_tab_completion_knows_what_is_there(dataset):
    assert {"photometry", "label", "parallax", "metadata"} <= set(dir(dataset["a"]))
    assert {"time", "flux", "to_table"} <= set(dir(dataset["a"].photometry))
    assert dataset._ipython_key_completions_() == ["a", "b", "c"]
    assert dataset["a"].photometry._ipython_key_completions_() == ["time", "flux", "flux_err"]
    assert "spectrum" in dataset["a"]._ipython_key_completions_()
    assert dataset.columns[:3] == ["object_id", "ra", "dec"]


def test_what_things_say_of_themselves(dataset):
    text = repr(dataset)
    assert text.startswith(f"<Dataset {dataset.path}: 3 simulated objects>")
    assert "photometry  2 objects; time [d], flux [mJy], flux_err [mJy]" in text
    assert "EW 1, M 1, without 1" in text
    assert "metadata    3 objects; parallax [mas], ratio" in text
    html = dataset._repr_html_()
    assert "3 simulated objects" in html
    assert "<td style='text-align:left'>Made up.</td>" in html
    assert repr(dataset["a"]) == (
        "<a: photometry 4 epochs, spectrum 4 pixels, label EW, image 4 x 4 pixels, redshift 0.1, "
        "metadata 2 numbers, position ra 1.00000, dec -1.00000 deg>"
    )
    curve = dataset["a"].photometry
    assert repr(curve) == "<photometry of a: 4 epochs; time [d], flux [mJy], flux_err [mJy]>"
    assert "[mJy]" in curve._repr_html_()
    assert "photometry" in dataset["a"]._repr_html_()


def test_columns_as_a_table_with_units_and_descriptions(dataset):
    table = dataset.to_table()
    assert "photometry" not in table.colnames
    assert table["period"].unit == u.d
    assert table["redshift"].description == "Redshift"
    assert table["label"].tolist() == ["EW", "M", ""]
    np.testing.assert_array_equal(table["period"], VALUES["period"])
    curves = dataset.to_table(["object_id", "photometry"])
    assert curves["photometry_flux"].unit == u.mJy
    assert curves["photometry_time"][1] is None
    np.testing.assert_array_equal(curves["photometry_time"][2], TIME[4:])
    with pytest.raises(DataError, match="did you mean 'period'"):
        dataset.to_table(["periods"])
    one = dataset["a"].photometry.to_table()
    assert one["flux"].unit == u.mJy
    np.testing.assert_array_equal(one["time"].value, TIME[:4])


@pytest.mark.parametrize("kind", ["table", "pandas"])
def test_what_is_read_out_can_be_given_again(dataset, kind):
    if kind == "pandas":
        pytest.importorskip("pandas")
    columns = ["object_id", "photometry", "spectrum", "period", "parallax", "ratio"]
    made = dataset.to_table(columns) if kind == "table" else dataset.to_pandas(columns)
    given = take_given(made, wanted=WANTED)
    assert not given.notes
    for name in ("photometry", "spectrum"):
        found, right = given.dataset.ragged(name), dataset.ragged(name)
        assert found.present.tolist() == right.present.tolist()
        for field, values in right.fields.items():
            np.testing.assert_array_equal(found.fields[field], values)
    np.testing.assert_array_equal(given.dataset.numbers("period"), VALUES["period"])


def test_data_frames_hold_units_and_need_pandas(dataset, monkeypatch):
    import sys

    pytest.importorskip("pandas")
    frame = dataset.to_pandas()
    assert frame.attrs["units"]["period"] == "d"
    assert frame["object_id"].tolist() == ["a", "b", "c"]
    epochs = dataset["a"].photometry.to_pandas()
    assert epochs.attrs["units"] == {"time": "d", "flux": "mJy", "flux_err": "mJy"}
    np.testing.assert_array_equal(epochs["flux"], FLUX[:4])
    monkeypatch.setitem(sys.modules, "pandas", None)
    for maker in (dataset, dataset["a"].photometry):
        with pytest.raises(DataError, match=r"pip install 'skybind\[notebook\]'"):
            maker.to_pandas()


@pytest.mark.parametrize("unit", ["JD", "MJD", "BJD - 2457000"])
def test_dates_are_shown_in_days(tmp_path, unit):
    columns = {"when": Column("feature", unit, "Date of the maximum", "metadata")}
    with DatasetWriter(tmp_path / "d", columns) as writer:
        writer.append({"object_id": np.array(["a"]), "when": np.array([2458849.5])})
    dataset = Dataset.open(tmp_path / "d")
    assert dataset["a"].when.to_value("d") == 2458849.5
    assert "a" in repr(dataset["a"])
    table = dataset.to_table()
    assert table["when"].unit == "d"
    assert table["when"].description == f"Date of the maximum [{unit}]"
    table.write(tmp_path / "t.fits")
