import gc

import numpy as np
import pytest
import yaml

import skybind as sb
from skybind.errors import ConfigError, DataError
from skybind.ingest.plan import spread
from skybind.ingest.preview.make import preview_files, preview_survey
from skybind.ingest.readers.folders import ObjectFiles
from skybind.ingest.survey import import_dataset
from tests.ingest.galaxy_files import galaxies, write_hdf5
from tests.ingest.preview.conftest import CURVES, SPECTRA, N


@pytest.fixture(scope="module")
def preview(mapping):
    return preview_survey(mapping, 100)


@pytest.fixture(scope="module")
def imported(mapping, tmp_path_factory):
    raw = yaml.safe_load(mapping.read_text())
    del raw["photometry"]["features"]  # periods take long, and no value hangs on them
    plain = mapping.with_name("plain.yaml")
    plain.write_text(yaml.safe_dump(raw))
    out = tmp_path_factory.mktemp("imported") / "set"
    import_dataset(plain, out)
    plain.unlink()
    return sb.Dataset.open(out)


def test_every_value_is_that_of_the_import(preview, imported):
    assert len(preview.dataset) == 100
    assert preview.total == N == len(imported)
    assert preview.dataset.schema.columns == imported.schema.columns
    place = {name: row for row, name in enumerate(imported.object_ids.tolist())}
    rows = np.asarray([place[name] for name in preview.dataset.object_ids.tolist()])
    for name in imported.columns:
        ours, theirs = preview.dataset.table([name]), imported.table([name], rows)
        assert ours[name].equals(theirs[name])


def test_flat_columns_are_told_of_all_objects(preview, imported):
    flat = {column.name: column for column in preview.flat}
    assert flat["label"].classes == {"RRAB": 200, "EW": 50}
    assert flat["label"].missing == 50
    for name in ("ra", "vmag", "period", "teff"):
        values = imported.numbers(name)
        values = values[np.isfinite(values)]
        numbers = flat[name].numbers
        assert (numbers.low, numbers.high) == (values.min(), values.max())
        assert numbers.median == pytest.approx(np.median(values))
    assert flat["teff"].missing == 1
    assert (flat["period"].stated, flat["period"].column.unit) == ("h", "d")
    assert 0.25 < flat["period"].numbers.low < flat["period"].numbers.high < 0.5


def test_what_should_be_looked_at_is_said(preview):
    told = "\n".join(preview.suggestions)
    assert (
        "'vmag' has 15 values of 99.99: if these mean 'not known', declare missing: ['99.99']"
        in told
    )
    assert "'same' is 7 for every object" in told
    assert "photometry: every error is 0.01." in told
    assert "teff" not in told


def test_light_curves_are_told(preview):
    curves = next(one for one in preview.observed if one.name == "photometry")
    assert curves.all_observed == CURVES
    assert curves.observed <= curves.read == 100
    assert set(curves.bands) == {"B", "V"}
    kept = sum(epochs for _, epochs in curves.bands.values())
    assert curves.left_out == {"epochs without a finite flux": 1}
    assert curves.share_left_out == pytest.approx(1 / (kept + 1))
    assert (curves.stated["flux"], curves.column.fields["flux"]) == ("Jy", "mJy")
    assert 1 <= curves.values["flux"].low < curves.values["flux"].high <= 2
    assert curves.times == "MJD, kept as JD"
    assert 2453000 < curves.values["time"].low < curves.values["time"].high < 2456001


def test_spectra_are_told_and_found_though_few_have_one(preview):
    spectra = next(one for one in preview.observed if one.name == "spectrum")
    assert spectra.all_observed == SPECTRA
    assert spectra.observed == SPECTRA - 1
    assert spectra.masked == pytest.approx(0.1)
    wavelength = spectra.values["wavelength"]
    assert (wavelength.low, wavelength.high) == pytest.approx((4000, 9000))
    assert spectra.lengths.median == 50


def test_what_was_set_aside_is_counted(preview):
    reasons = preview.summary.quarantined
    assert reasons["no such object in the table of objects"] == 1
    assert sum(reasons.values()) == 2
    assert any("computed by the import" in note for note in preview.summary.notes)


def test_an_id_that_is_none_is_noticed(mapping):
    raw = yaml.safe_load(mapping.read_text())
    raw["objects"]["id"] = "same"
    wrong = mapping.with_name("wrong.yaml")
    wrong.write_text(yaml.safe_dump({"objects": raw["objects"]}))
    told = preview_survey(wrong).suggestions
    wrong.unlink()
    assert any("299 times something is set aside, of 1 objects: the name" in t for t in told)


def test_only_the_files_of_the_chosen_objects_are_read(mapping, monkeypatch):
    read = []
    plain = ObjectFiles._fields
    monkeypatch.setattr(
        ObjectFiles,
        "_fields",
        lambda self, name, *more: read.append(name) or plain(self, name, *more),
    )
    preview = preview_survey(mapping, 10)
    assert len(preview.dataset) == 10
    assert 0 < len(set(read)) <= 5


def test_nothing_is_left_behind(mapping):
    before = sorted(path.name for path in mapping.parent.rglob("*"))
    preview = preview_survey(mapping, 5)
    folder = preview.dataset.path
    assert folder.exists()
    del preview
    gc.collect()
    assert not folder.exists()
    assert sorted(path.name for path in mapping.parent.rglob("*")) == before


def test_a_small_survey_is_read_whole(mapping):
    preview = preview_survey(mapping, 10_000)
    assert len(preview.dataset) == N
    assert "The flat columns" not in preview.headline


def test_the_first_objects_of_a_whole_data_set(tmp_path):
    write_hdf5(tmp_path / "a.h5", {"0": galaxies(8)})
    preview = preview_files("astroclip_hdf5", tmp_path / "a.h5", objects=3)
    assert len(preview.dataset) == 3
    kinds = {one.name: one for one in preview.observed}
    assert list(kinds["image"].values) == ["g", "r", "z"]
    assert kinds["image"].lengths.median == kinds["image"].lengths.high
    assert kinds["spectrum"].observed == 3
    assert "bands" in repr(preview)


def test_a_wrong_mapping_stops_as_the_import_does(mapping, tmp_path):
    with pytest.raises(ConfigError, match="give one or more"):
        preview_survey(mapping, 0)
    raw = yaml.safe_load(mapping.read_text())
    raw["objects"]["targets"]["teff"]["column"] = "tef"
    wrong = mapping.with_name("wrong.yaml")
    wrong.write_text(yaml.safe_dump(raw))
    with pytest.raises(DataError, match="did you mean 'teff'"):
        preview_survey(wrong)
    wrong.unlink()


def test_objects_are_spread_over_the_table():
    rare = np.zeros(1000, bool)
    rare[[5, 990]] = True
    rows = spread(1000, [rare, np.ones(1000, bool)], 40)
    assert len(rows) == len(set(rows.tolist())) == 40
    assert {5, 990} <= set(rows.tolist())
    assert rows.max() > 900
    assert np.histogram(rows, 4, (0, 1000))[0].min() >= 6
    assert spread(3, [], 10).tolist() == [0, 1, 2]


def test_the_public_function_writes_the_page(mapping, tmp_path):
    preview = sb.preview_survey(mapping, objects=30, out=tmp_path / "preview.html")
    page = (tmp_path / "preview.html").read_text()
    assert "99.99" in page
    assert page.count("<img ") >= 6
    shown = repr(preview)
    assert "30 of 300 objects were read" in shown
    assert "MJD, kept as JD" in shown
