"""The forms in which AstroM3's data are published: rows of three numbers, normalised, raw files."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.data.splits import Split
from skybind.errors import ConfigError, DataError
from skybind.ingest.given import take_given
from skybind.ingest.survey import import_files
from skybind.ingest.wanted import wanted_modalities
from skybind.modalities.metadata import Metadata, MetadataOptions
from skybind.modalities.photometry import Photometry, PhotometryOptions
from skybind.modalities.spectrum import Spectrum, SpectrumOptions
from tests.ingest.written.astrom3 import (
    GRID,
    META,
    PHOTO,
    normalised,
    star,
    write_hub,
    write_raw,
)

SPLIT = {"train": 8, "validation": 3, "test": 4}


@pytest.fixture
def stars() -> dict[str, list[dict]]:
    rng = np.random.default_rng(7)
    stars = {part: [star(rng, 30 + 4 * k) for k in range(n)] for part, n in SPLIT.items()}
    # zero flux is what a spectrum has where it was not observed
    stars["train"][2]["spectra"][100:160, 1] = 0
    stars["train"][2]["spectra"][400:430, 1] = 0
    return stars


def imported(source, out, **options):
    summary = import_files("astrom3_hub", source, out, options)
    assert check_dataset(out) == []
    return Dataset.open(out), summary


def prepared(dataset: Dataset) -> dict[str, np.ndarray]:
    columns = dataset.schema
    curves = Photometry("photometry", PhotometryOptions(length=70), columns)
    spectra = Spectrum("spectrum", SpectrumOptions(mad_over="nonzero"), columns)
    rows = np.arange(len(dataset))
    found = {}
    for modality in (curves, spectra):
        some = modality.prepare(dataset.table(modality.columns))
        assert some.present.all()
        found[modality.name] = modality.batch(some, rows)["values"].numpy()
    return found


def test_the_normalised_form_is_the_same_data(tmp_path, stars):
    rows, said = imported(write_hub(tmp_path / "full_42", stars, kind=pa.float64()), tmp_path / "a")
    again, told = imported(write_hub(tmp_path / "n" / "full_42", stars, normalised), tmp_path / "b")
    assert not said.notes
    for note, what in zip(told.notes, ("light curves", "spectra"), strict=True):
        assert note.startswith(f"The {what} are normalised in these files")
    assert again.schema.attributes("photometry") == {"flux_zero": "mean"}
    curves, back = rows.ragged("photometry"), again.ragged("photometry")
    first = np.repeat(curves.fields["time"][curves.offsets[:-1]], curves.lengths)
    np.testing.assert_allclose(back.fields["time"], curves.fields["time"] - first, atol=2e-3)
    mean = np.repeat([one["photometry"][:, 1].mean() for one in all_of(stars)], curves.lengths)
    np.testing.assert_allclose(back.fields["flux"], curves.fields["flux"] - mean, atol=1e-5)
    one, other = prepared(rows), prepared(again)
    np.testing.assert_allclose(other["photometry"], one["photometry"], atol=2e-5)
    np.testing.assert_allclose(other["spectrum"], one["spectrum"], atol=2e-5)


def all_of(stars):
    return [one for part in stars.values() for one in part]


def test_normalised_spectra_get_their_zeros_back(tmp_path, stars):
    d, _ = imported(write_hub(tmp_path / "full_42", stars, normalised), tmp_path / "out")
    flux = d.ragged("spectrum", np.array([2])).fields["flux"]
    want = np.interp(GRID, *stars["train"][2]["spectra"][:, :2].T)
    assert ((want == 0) == (flux == 0)).all()
    assert (flux == 0).sum() > 200
    np.testing.assert_allclose(flux, want, atol=1e-5)  # the mean came back too


def test_what_is_not_normalised_as_a_whole_is_set_aside(tmp_path, stars):
    def broken(one: dict) -> dict:
        made = normalised(one)
        if one is stars["train"][1]:
            made["photometry"] = made["photometry"][5:25]  # cropped
        if one is stars["test"][0]:
            made["spectra"] = made["spectra"] * [[2.0], [2.0], [1.0]]
        return made

    _, summary = imported(write_hub(tmp_path / "full_42", stars, broken), tmp_path / "out")
    assert summary.observed == {"photometry": 14, "spectrum": 14, "metadata": 15}
    rows = {row["object_id"]: row["reason"] for row in read_quarantine(tmp_path / "out")}
    assert rows.keys() == {"train-000001", "test-000000"}
    assert "not those of a whole normalised light curve" in rows["train-000001"]
    assert "not those of a normalised spectrum" in rows["test-000000"]


def test_lists_of_unequal_length_and_text_cost_only_their_object(tmp_path, stars):
    """Rows 0, 1 and 3 have a short epoch, a long pixel, and a text among the features."""
    source = write_hub(tmp_path / "full_42", stars)
    path = source / "train-00000-of-00001.parquet"
    rows = pq.read_table(path).to_pylist()
    rows[0]["photometry"][3] = rows[0]["photometry"][3][:2]
    rows[1]["spectra"][7] += [1.0]
    rows[2]["spectra"] = []
    for row in rows:
        row["metadata"]["meta_cols"]["parallax"] = str(row["metadata"]["meta_cols"]["parallax"])
        row["spectra"] = [[str(x) for x in pixel] for pixel in row["spectra"]]
    rows[3]["metadata"]["meta_cols"]["parallax"] = "none measured"
    rows[4]["spectra"][2][1] = "bad"
    pq.write_table(pa.Table.from_pylist(rows), path)
    dataset, summary = imported(source, tmp_path / "out")
    assert summary.observed == {"photometry": 14, "spectrum": 12, "metadata": 15}
    lost = {row["object_id"]: row["reason"] for row in read_quarantine(tmp_path / "out")}
    assert lost["train-000000"] == "'photometry' has a row of 2 numbers, not 3 as others"
    assert lost["train-000001"] == "'spectra' has a row of 4 numbers, not 3 as others"
    assert lost["train-000003"] == "no number in column 'parallax' ('none measured')"
    assert lost["train-000004"] == "'spectra' holds text that is no number"
    assert len(lost) == 5  # and the spectrum without a pixel
    places = {name: row for row, name in enumerate(dataset.object_ids.tolist())}
    row = places["train-000005"]
    found = dataset.ragged("spectrum").take(np.array([row])).fields["flux"]
    np.testing.assert_allclose(found, stars["train"][5]["spectra"][:, 1], rtol=1e-6)
    plx = dataset.column("parallax")
    assert np.isnan(plx[places["train-000003"]])
    np.testing.assert_allclose(plx[row], stars["train"][5]["meta"]["parallax"])


@pytest.mark.parametrize("column", ["photometry", "spectra"])
def test_rows_of_another_width_are_refused(tmp_path, stars, column):
    def change(one: dict) -> dict:
        return one | {column: np.ones((4, 7))}

    source = write_hub(tmp_path / "full_42", stars, change)
    with pytest.raises(DataError, match=f"column '{column}'"):
        import_files("astrom3_hub", source, tmp_path / "out")


def test_times_of_single_precision_are_told(tmp_path, stars):
    _, summary = imported(write_hub(tmp_path / "full_42", stars), tmp_path / "out")
    assert "steps of 0.25 d" in summary.notes[0]


def standard(one: dict) -> dict:
    meta = {name: (value - 50) / 200 for name, value in one["meta"].items()}
    return one | {"meta": meta, "photo": {name: value - 1 for name, value in one["photo"].items()}}


def test_standardised_features_are_never_transformed_again(tmp_path, stars):
    d, _ = imported(write_hub(tmp_path / "full_42_norm", stars, standard), tmp_path / "out")
    for name in (*META, *PHOTO):
        assert d.schema.columns[name].attributes == {"standardised": True}
        assert d.schema.columns[name].unit is None
    options = MetadataOptions(transforms={"l": "cos", "b": "sin"}, absolute=["mean_vmag"])
    modality = Metadata("metadata", options, d.schema)
    rows = np.arange(len(d))
    some = modality.prepare(d.table(modality.columns))
    modality.fit(some, rows)
    values = modality.batch(some, rows)["values"].numpy()
    want = [[standard(one)["meta"][name] for name in META] for one in all_of(stars)]
    np.testing.assert_allclose(values, want, rtol=1e-6)
    curves = Photometry("photometry", PhotometryOptions(features=list(PHOTO)), d.schema)
    some = curves.prepare(d.table(curves.columns))
    curves.fit(some, rows)
    values = curves.batch(some, rows)["values"].numpy()
    want = [list(standard(one)["photo"].values()) for one in all_of(stars)]
    np.testing.assert_allclose(values[:, 0, 3:7], want, rtol=1e-6)


def test_a_standardised_period_folds_nothing(tmp_path, stars):
    d, _ = imported(write_hub(tmp_path / "full_42_norm", stars, standard), tmp_path / "out")
    assert Photometry("photometry", PhotometryOptions(phase=True), d.schema).period_column is None
    with pytest.raises(ConfigError, match="'period' is standardised"):
        Photometry("photometry", PhotometryOptions(phase=True, periods="catalogue"), d.schema)


def test_fluxes_from_their_mean_give_no_magnitudes(tmp_path, stars):
    d, _ = imported(write_hub(tmp_path / "full_42", stars, normalised), tmp_path / "out")
    with pytest.raises(ConfigError, match="counted from their mean"):
        Photometry("photometry", PhotometryOptions(space="magnitude"), d.schema)


@pytest.mark.parametrize(
    ("name", "change", "options", "sentence"),
    [
        ("full_42_norm", lambda one: one, {}, "name of full_42_norm ends in _norm, but the medi"),
        ("full_42", standard, {}, "full_42 does not end in _norm, but"),
        ("data", standard, {"standardised": "false"}, "The option standardised is false, but"),
    ],
)
def test_a_name_that_belies_the_values_is_refused(tmp_path, stars, name, change, options, sentence):
    source = write_hub(tmp_path / name, stars, change)
    with pytest.raises(DataError, match=sentence):
        import_files("astrom3_hub", source, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


def test_channels_and_features_that_differ_are_refused(tmp_path, stars):
    def change(one: dict) -> dict:
        made = normalised(standard(one))
        made["photometry"][:, 4] += 1
        return made

    source = write_hub(tmp_path / "full_42_norm", stars, change)
    with pytest.raises(DataError, match=r"'period' of metadata.photo_cols is not what stands"):
        import_files("astrom3_hub", source, tmp_path / "out")


def test_several_configurations_are_never_one_dataset(tmp_path, stars):
    for name in ("full_42", "sub50_42", "full_42_norm"):
        write_hub(tmp_path / "hub" / name, stars, standard if "norm" in name else lambda one: one)
    with pytest.raises(DataError, match="full_42, full_42_norm and sub50_42"):
        import_files("astrom3_hub", tmp_path / "hub", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_around_one_configuration_is_that_configuration(tmp_path, stars):
    write_hub(tmp_path / "AstroM3Processed" / "sub25_12_norm", stars, standard)
    d, _ = imported(tmp_path / "AstroM3Processed", tmp_path / "out")
    assert d.schema.attributes("l") == {"standardised": True}
    assert "configuration sub25_12_norm" in d.schema.provenance


@pytest.mark.parametrize("suffix", ["", "_norm"])
def test_subsets_are_those_that_the_data_bring(tmp_path, stars, suffix):
    hub = tmp_path / "hub"
    change = standard if suffix else lambda one: one
    write_hub(hub / f"full_66{suffix}", stars, change)
    write_hub(hub / f"sub50_66{suffix}", stars, change, keep=lambda k: k % 2 == 0)
    write_hub(hub / "sub10_66", stars, keep=lambda k: k == 1)
    write_hub(hub / "sub10_42", stars, keep=lambda k: k == 2)  # of another split
    d, _ = imported(hub / f"full_66{suffix}", tmp_path / "out")
    split = Split.read(tmp_path / "out" / "splits" / "published.parquet").align(d.object_ids)
    assert set(split.subsets) == {"50", "10"}
    assert d.object_ids[split.rows("train", "50")].tolist() == [
        f"train-{k:06d}" for k in (0, 2, 4, 6)
    ]
    assert d.object_ids[split.rows("test", "10")].tolist() == ["test-000001"]
    bare, _ = imported(hub / f"full_66{suffix}", tmp_path / "bare", subsets="false")
    split = Split.read(tmp_path / "bare" / "splits" / "published.parquet").align(bare.object_ids)
    assert not split.subsets
    other = {part: [star(np.random.default_rng(1), 20)] for part in SPLIT}
    write_hub(hub / f"sub25_66{suffix}", other, change)
    with pytest.raises(DataError, match=r"sub25_66.* has an object .number 1 of train."):
        import_files("astrom3_hub", hub / f"full_66{suffix}", tmp_path / "again")


@pytest.fixture
def raw(tmp_path):
    return write_raw(tmp_path / "AstroM3Dataset")


def test_the_raw_data_set_imports_by_one_command(tmp_path, raw):
    summary = import_files("astrom3_raw", raw, tmp_path / "out", {"configuration": "full_42"})
    assert summary.observed == {"photometry": 11, "spectrum": 11, "metadata": 11}
    assert not summary.quarantined  # the zip serves other configurations too
    assert check_dataset(tmp_path / "out") == []
    d = Dataset.open(tmp_path / "out")
    assert d.object_ids[[0, 6, 8]].tolist() == ["star 0", "star 6", "star 8"]
    assert d.labels()[:2].tolist() == ["EW", "SR"]
    assert d.column("period")[3] == 3.3
    assert d.schema.features("metadata") == ["mean_vmag", "parallax"]
    assert "mean_vmag" in d.flat_columns
    assert d.schema.attributes("mean_vmag") == {}
    split = Split.read(tmp_path / "out" / "splits" / "published.parquet").align(d.object_ids)
    assert split.part.tolist() == ["train"] * 6 + ["validation"] * 2 + ["test"] * 3
    assert d.object_ids[split.rows("train", "50")].tolist() == ["star 0", "star 2", "star 4"]


def test_a_folder_with_the_three_tables_will_do(tmp_path, raw):
    import_files("astrom3_raw", raw / "splits" / "full" / "66", tmp_path / "out")
    d = Dataset.open(tmp_path / "out")
    split = Split.read(tmp_path / "out" / "splits" / "published.parquet").align(d.object_ids)
    assert d.object_ids[split.rows("validation")].tolist() == ["star 4", "star 3"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "several configurations .full_42, full_66, sub50_42 and sub50_66."),
        ({"configuration": "full_43"}, "no configuration 'full_43': did you mean 'full_42'"),
        ({"configuration": "full_42_norm"}, "there is no 'full_42_norm': import full_42"),
        ({"configuration": "full_42", "spectra": "nowhere"}, "no folder or zip nowhere"),
    ],
)
def test_raw_data_that_cannot_be_told(tmp_path, raw, options, sentence):
    with pytest.raises(DataError, match=sentence):
        import_files("astrom3_raw", raw, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


def test_a_star_in_two_parts_is_refused(tmp_path, raw):
    table = raw / "splits" / "full" / "42" / "val.csv"
    table.write_text(table.read_text() + "star 0,EW,0.fits,12,2.5,1,0\n")
    with pytest.raises(DataError, match="'star 0' is in the tables of train and validation"):
        import_files("astrom3_raw", raw, tmp_path / "out", {"configuration": "full_42"})


def test_a_catalogue_is_not_taken_for_standardised_features(tmp_path, stars):
    d, _ = imported(write_hub(tmp_path / "full_42_norm", stars, standard), tmp_path / "norm")
    raw, _ = imported(write_hub(tmp_path / "full_42", stars), tmp_path / "raw")
    kinds = {name: (name, name) for name in ("spectrum", "metadata")}
    wanted = wanted_modalities(d.schema, kinds)
    own = take_given(d, wanted=wanted)
    assert not own.notes
    np.testing.assert_array_equal(own.dataset.numbers("l"), d.numbers("l"))
    given = take_given(raw, wanted=wanted)
    assert np.isnan(given.dataset.numbers("l")).all()
    assert "reads mean_vmag, parallax, l, b as they were standardised" in given.notes[1]
