"""What astronomers hold, made to fit a model."""

import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.data.schema import BASE_COLUMNS, Column, DatasetSchema
from skybind.data.write import DatasetWriter
from skybind.errors import DataError
from skybind.ingest.given import take_given
from skybind.ingest.wanted import wanted_modalities
from skybind.modalities.cleaning import AB_ZERO_FLUX
from skybind.ragged import Ragged

KINDS = {
    "photometry": ("photometry", "photometry"),
    "spectrum": ("spectrum", "spectrum"),
    "metadata": ("metadata", "metadata"),
}
#: What the model reads.
SCHEMA = DatasetSchema.from_note(
    {
        "observations": {
            "photometry": {"time": "d", "flux": "mJy", "flux_err": "mJy"},
            "spectrum": {"wavelength": "Angstrom", "flux": "1e-17 erg / (s cm2 Angstrom)",
                         "ivar": "1e34 s2 cm4 Angstrom2 / erg2"},
        },
        "features": {
            "period": {"modality": "photometry", "unit": "d"},
            "parallax": {"modality": "metadata", "unit": "mas"},
            "ratio": {"modality": "metadata", "unit": ""},
        },
    }
)  # fmt: skip
WANTED = wanted_modalities(SCHEMA, KINDS)
LENGTHS = [4, 0, 3]


def ragged(fields: dict[str, np.ndarray]) -> Ragged:
    offsets = np.concatenate([[0], np.cumsum(LENGTHS)])
    return Ragged(fields, offsets, np.array(LENGTHS) > 0)


TIME = np.array([1.0, 2, 3, 4, 10, 11, 12])
FLUX = np.array([1, 2, 3, 4, 5, 7, 6], np.float32)
WAVE = np.array([4000, 4001, 4002, 4003, 5000, 5002, 5004], np.float32)
COLUMNS = {
    "photometry": Column("observation", modality="photometry", fields=SCHEMA.fields("photometry")),
    "spectrum": Column("observation", modality="spectrum", fields=SCHEMA.fields("spectrum")),
    "period": Column("feature", "d", modality="photometry"),
    "parallax": Column("feature", "mas", modality="metadata"),
    "ratio": Column("feature", None, modality="metadata"),
    "label": Column("label"),
}
VALUES = {
    "object_id": np.array(["a", "b", "c"]),
    "ra": np.array([1.0, 2, 3]),
    "dec": np.array([-1.0, -2, np.nan]),
    "photometry": ragged({"time": TIME, "flux": FLUX, "flux_err": FLUX / 10}),
    "spectrum": ragged({"wavelength": WAVE, "flux": FLUX, "ivar": FLUX}),
    "period": np.array([0.5, np.nan, 2]),
    "parallax": np.array([1.0, 2, np.nan]),
    "ratio": np.array([1.0, 2, 3]),
    "label": np.array(["EW", "M", ""]),
}


def write(folder, **changed):
    """Write the dataset; a value is (Column, values), or None to leave the column out."""
    columns = {n: changed[n][0] if changed.get(n) else c for n, c in COLUMNS.items()}
    values = {n: changed[n][1] if changed.get(n) else v for n, v in VALUES.items()}
    left = [name for name, value in changed.items() if value is None]
    with DatasetWriter(folder, {n: c for n, c in columns.items() if n not in left}) as writer:
        writer.append({n: v for n, v in values.items() if n not in left})
    return folder


def take(data):
    return take_given(data, wanted=WANTED)


def test_a_dataset_that_fits_is_read_as_it_is(tmp_path):
    folder = write(tmp_path / "data")
    given = take(folder)
    read = [*BASE_COLUMNS, "photometry", "period", "spectrum", "parallax", "ratio"]
    assert list(given.dataset.schema.columns) == read
    whole = Dataset.open(folder).table(read)
    assert given.dataset.table(read).to_pylist() == whole.to_pylist()
    assert given.dataset.path == folder
    assert not given.notes
    assert {name: reason.tolist() for name, reason in given.reasons.items()} == {
        name: ["", "", ""] for name in KINDS
    }
    assert take(Dataset.open(folder)).dataset.object_ids.tolist() == ["a", "b", "c"]


def test_other_units_are_converted_as_the_dataset_is_read(tmp_path):
    fields = {"time": "h", "flux": "uJy", "flux_err": "Jy"}
    curves = ragged({"time": TIME * 24, "flux": FLUX * 1e3, "flux_err": FLUX / 1e4})
    spectra = ragged({"wavelength": WAVE / 10, "flux": FLUX, "flux_err": 1 / np.sqrt(FLUX)})
    spectrum_units = {"wavelength": "nm", "flux": SCHEMA.fields("spectrum")["flux"],
                      "flux_err": None}  # fmt: skip
    folder = write(
        tmp_path / "data",
        photometry=(Column("observation", modality="photometry", fields=fields), curves),
        spectrum=(Column("observation", modality="spectrum", fields=spectrum_units), spectra),
        period=(Column("feature", "h", modality="photometry"), VALUES["period"] * 24),
    )
    given = take(folder)
    same = take(write(tmp_path / "same")).dataset
    for name in ("photometry", "spectrum"):
        assert given.dataset.schema.fields(name) == SCHEMA.fields(name)
        found, right = given.dataset.ragged(name), same.ragged(name)
        assert found.present.tolist() == right.present.tolist()
        for field, values in right.fields.items():
            np.testing.assert_allclose(found.fields[field], values, rtol=1e-6)
            assert found.fields[field].dtype == values.dtype
    np.testing.assert_allclose(given.dataset.numbers("period"), VALUES["period"])
    assert given.dataset.lengths("photometry").tolist() == [4, -1, 3]
    # some rows are as they are in the whole
    some = given.dataset.ragged("photometry", np.array([2, 0]))
    assert some.lengths.tolist() == [3, 4]


def test_magnitudes_are_fluxes_for_a_model_of_fluxes(tmp_path):
    fields = {"time": "d", "magnitude": "mag", "magnitude_err": "mag"}
    magnitude = -2.5 * np.log10(FLUX.astype(float) / AB_ZERO_FLUX)
    curves = ragged({"time": TIME, "magnitude": magnitude, "magnitude_err": FLUX * 0 + 0.1})
    column = Column("observation", modality="photometry", fields=fields)
    given = take(write(tmp_path / "data", photometry=(column, curves)))
    found = given.dataset.ragged("photometry").fields
    np.testing.assert_allclose(found["flux"], FLUX, rtol=1e-6)
    np.testing.assert_allclose(found["flux_err"], FLUX * 0.1 * np.log(10) / 2.5, rtol=1e-6)
    assert any("AB magnitudes" in note for note in given.notes)


def test_what_is_not_there_is_not_observed_and_said(tmp_path):
    given = take(write(tmp_path / "data", spectrum=None, period=None))
    assert given.dataset.present("photometry").tolist() == [True, False, True]
    assert not given.dataset.present("spectrum").any()
    assert np.isnan(given.dataset.numbers("period")).all()
    assert any("has no spectrum" in note for note in given.notes)
    assert any("lacks period" in note for note in given.notes)


def test_a_column_of_another_name_is_taken_if_it_is_the_only_one(tmp_path):
    folder = tmp_path / "data"
    with DatasetWriter(folder, {"ogle": COLUMNS["photometry"]}) as writer:
        writer.append({"object_id": np.array(["a", "b", "c"]), "ogle": VALUES["photometry"]})
    given = take(folder)
    assert given.dataset.present("photometry").tolist() == [True, False, True]
    assert any("ogle" in note and "read as photometry" in note for note in given.notes)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"photometry": ({"time": "d", "flux": "mag", "flux_err": "mag"}, "photometry")},
         "photometry .*flux: the unit 'mag' cannot be converted to mJy"),
        ({"period": ("km", None)}, "period .*'km' cannot be converted to d"),
        ({"spectrum": ({"wavelength": "Angstrom"}, "spectrum")}, "has no flux"),
    ],
)  # fmt: skip
def test_units_that_do_not_fit_are_refused(tmp_path, changed, message):
    made = {}
    for name, (unit, kind) in changed.items():
        if kind is None:
            made[name] = (Column("feature", unit, modality="photometry"), VALUES[name])
            continue
        fields = {field: VALUES[name].fields[field] for field in unit}
        made[name] = (Column("observation", modality=kind, fields=unit), ragged(fields))
    with pytest.raises(DataError, match=message):
        take(write(tmp_path / "data", **made))


def test_nothing_to_use_is_an_error(tmp_path):
    with DatasetWriter(tmp_path / "data", {"label": Column("label")}) as writer:
        writer.append({"object_id": np.array(["a"]), "label": np.array(["EW"])})
    with pytest.raises(
        DataError, match="has none of photometry, spectrum and metadata as the model reads them"
    ):
        take(tmp_path / "data")
