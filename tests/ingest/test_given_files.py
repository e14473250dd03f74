"""Files made to fit a model: a row each, in order, whatever is wrong with some of them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from skybind.data.schema import DatasetSchema
from skybind.errors import DataError
from skybind.ingest.given import take_given
from skybind.ingest.wanted import wanted_modalities
from skybind.modalities.cleaning import AB_ZERO_FLUX
from tests.ingest.test_given import KINDS, WANTED

TIME, FLUX = np.array([1.0, 2, 4, 7]), np.array([3.0, 5, 4, 8])
CURVE = Table({"HJD": TIME, "flux": FLUX, "flux_err": FLUX / 10},
              units={"flux": "mJy", "flux_err": "mJy"})  # fmt: skip
MAGNITUDES = Table({"mjd": TIME, "mag": -2.5 * np.log10(FLUX / AB_ZERO_FLUX)})
SPECTRUM = Table({"wave": 400.0 + TIME, "flux": FLUX, "ivar": FLUX}, units={"wave": "nm"})


def take(data, **keywords):
    return take_given(data, wanted=WANTED, **keywords)


def test_a_row_a_file_in_the_order_given(tmp_path):
    CURVE.write(tmp_path / "curve.ecsv", format="ascii.ecsv")
    MAGNITUDES.write(tmp_path / "magnitudes.csv", format="ascii.csv")
    SPECTRUM.write(tmp_path / "spectrum.fits", format="fits")
    (tmp_path / "row.csv").write_text("parallax,ratio\n2.5,\n")
    (tmp_path / "one.csv").write_text("time,flux\n1,2\n")
    (tmp_path / "broken.fits").write_bytes(b"SIMPLE  = this is no FITS file")
    (tmp_path / "two.csv").write_text("id,time,flux\na,1,2\na,2,3\nb,1,2\nb,2,5\n")
    names = ["spectrum.fits", "curve.ecsv", "gone.csv", "row.csv", "broken.fits",
             "magnitudes.csv", "one.csv", "two.csv"]  # fmt: skip
    found = take([tmp_path / name for name in names])
    assert found.dataset.object_ids.tolist() == names
    present = {kind: np.flatnonzero(found.dataset.present(kind)).tolist() for kind in KINDS}
    assert present == {"spectrum": [0], "photometry": [1, 5], "metadata": [3]}
    np.testing.assert_allclose(found.dataset.ragged("spectrum").fields["wavelength"],
                               4000 + 10 * TIME)  # fmt: skip
    curves = found.dataset.ragged("photometry").fields
    np.testing.assert_allclose(curves["flux"], [*FLUX, *FLUX], rtol=1e-6)
    np.testing.assert_allclose(curves["flux_err"], [*FLUX / 10, *[np.nan] * 4], rtol=1e-6)
    assert found.dataset.numbers("parallax")[3] == 2.5
    reasons = found.reasons["photometry"]
    assert [i for i, reason in enumerate(reasons) if reason] == [2, 4, 6, 7]
    assert reasons[2].startswith("There is no file")
    assert "broken.fits" in reasons[4]
    assert reasons[6] == "one epoch"
    assert "holds 2 objects (column 'id')" in reasons[7]
    assert any("AB magnitudes" in note for note in found.notes)


def test_fluxes_and_magnitudes_for_a_model_of_magnitudes(tmp_path):
    CURVE.write(tmp_path / "a.ecsv", format="ascii.ecsv")
    MAGNITUDES.write(tmp_path / "b.csv", format="ascii.csv")
    fields = {"time": "d", "magnitude": "mag", "magnitude_err": "mag"}
    schema = DatasetSchema.from_note({"observations": {"photometry": fields}, "features": {}})
    kinds = {"photometry": ("photometry", "photometry")}
    paths = [tmp_path / "a.ecsv", tmp_path / "b.csv"]
    found = take_given(paths, wanted=wanted_modalities(schema, kinds)).dataset
    assert found.schema.fields("photometry") == {"time": "d", "flux": "mJy", "flux_err": "mJy"}
    np.testing.assert_allclose(found.ragged("photometry").fields["flux"], [*FLUX] * 2, rtol=1e-6)
    alone = take_given(paths[1:], wanted=wanted_modalities(schema, kinds)).dataset
    assert alone.schema.fields("photometry") == fields


def test_files_of_one_name_are_called_by_their_paths(tmp_path):
    paths = [tmp_path / folder / "curve.csv" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        CURVE.write(path, format="ascii.csv")
    assert take(paths).dataset.object_ids.tolist() == [str(path) for path in paths]
    assert take(str(paths[0])).dataset.object_ids.tolist() == ["curve.csv"]


def test_files_of_several_modalities_of_the_same_objects(tmp_path):
    CURVE.write(tmp_path / "a.ecsv", format="ascii.ecsv")
    MAGNITUDES.write(tmp_path / "c.csv", format="ascii.csv")
    SPECTRUM.write(tmp_path / "a.fits", format="fits")
    SPECTRUM.write(tmp_path / "b.fits", format="fits")
    found = take_given(
        wanted=WANTED,
        photometry=[tmp_path / "a.ecsv", None, str(tmp_path / "c.csv")],
        spectrum=[tmp_path / "a.fits", tmp_path / "b.fits", tmp_path / "gone.fits"],
    )
    assert found.dataset.object_ids.tolist() == ["a.ecsv", "b.fits", "c.csv"]
    assert found.dataset.present("photometry").tolist() == [True, False, True]
    assert found.dataset.present("spectrum").tolist() == [True, True, False]
    flux = found.dataset.ragged("photometry").fields["flux"]
    np.testing.assert_allclose(flux, [*FLUX, *FLUX], rtol=1e-6)
    assert found.reasons["spectrum"][2].startswith("There is no file")
    assert found.reasons["photometry"].tolist() == ["", "", ""]


def test_one_file_by_name_with_what_stands_beside_it(tmp_path):
    CURVE.write(tmp_path / "a.ecsv", format="ascii.ecsv")
    found = take_given(
        wanted=WANTED, photometry=tmp_path / "a.ecsv", object_id="V1", ra=10.5, dec=-3.0
    )
    assert found.dataset.object_ids.tolist() == ["V1"]
    assert found.dataset.numbers("ra").tolist() == [10.5]
    by_path = take_given(tmp_path / "a.ecsv", wanted=WANTED)
    for field, values in by_path.dataset.ragged("photometry").fields.items():
        np.testing.assert_array_equal(found.dataset.ragged("photometry").fields[field], values)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"photometry": ["a.csv", "b.csv"], "spectrum": ["a.fits"]}, "spectrum has 1 objects"),
        ({"photometry": ["a.csv"], "spectrum": [{"wave": TIME}]}, "either files or arrays"),
        ({"photometri": ["a.csv"]}, "did you mean 'photometry'"),
        ({"photometry": ["a.csv"], "units": {"flux": "Jy"}}, "files state their own"),
    ],
)
def test_files_by_name_that_do_not_fit_are_refused(given, said):
    with pytest.raises(DataError, match=said):
        take_given(wanted=WANTED, **given)


OBJECTS = {"object_id": ["007", "b"], "parallax": [1.0, 2.0]}
LISTS = {**OBJECTS, "time": [TIME, TIME[:3]], "flux": [FLUX, FLUX[:3]]}


@pytest.mark.parametrize("form", ["csv", "ecsv", "vot", "fits", "parquet"])
def test_one_file_may_be_a_table_of_objects(tmp_path, form):
    path = tmp_path / f"objects.{form}"
    if form == "parquet":
        pq.write_table(pa.table(LISTS), path)
    else:
        names = {"csv": "ascii.csv", "ecsv": "ascii.ecsv", "vot": "votable", "fits": "fits"}
        Table(OBJECTS).write(path, format=names[form])
    found = take(path)
    assert found.dataset.object_ids.tolist() == ["007", "b"]
    assert found.dataset.numbers("parallax").tolist() == [1, 2]
    if form == "parquet":
        assert found.dataset.lengths("photometry").tolist() == [4, 3]


def test_one_file_may_be_a_long_table(tmp_path):
    path = tmp_path / "epochs.csv"
    rows = [f"{name},{t},{f}" for name in ("z9", "a1") for t, f in zip(TIME, FLUX, strict=True)]
    path.write_text("\n".join(["ID,HJD,flux", *rows]))
    found = take(path, units={"photometry": {"flux": "uJy"}})
    assert found.dataset.object_ids.tolist() == ["z9", "a1"]
    np.testing.assert_allclose(
        found.dataset.ragged("photometry").fields["flux"], [*FLUX / 1000] * 2, rtol=1e-6
    )
    assert any("8 rows of the epochs.csv are taken as of 2 objects" in n for n in found.notes)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "No files"),
        ("nowhere", "There is no dataset at nowhere"),
        (["a.csv", 3], "A list cannot be read"),
    ],
)
def test_what_is_no_file(data, message):
    with pytest.raises(DataError, match=message):
        take(data)


def test_a_file_that_is_neither_says_what_it_lacks_as_an_observation(tmp_path):
    (tmp_path / "a.csv").write_text("time,counts\n1,2\n2,3\n")
    with pytest.raises(DataError, match=r"as photometry: a\.csv has no column for the flux"):
        take(tmp_path / "a.csv")
