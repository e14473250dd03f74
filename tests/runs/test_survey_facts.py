"""What is seen of a dataset has known answers."""

import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.splits import Split
from skybind.lightcurves.stored import compute_features
from skybind.runs.curve_facts import sample_rows
from skybind.runs.survey_facts import look_at
from tests.runs.made_up_surveys import (
    PHOTOMETRY,
    catalogue_and_curves,
    curves,
    light_curves_only,
    ragged,
    spectra,
    supernovae,
    two_telescopes,
    write,
)


def look(path):
    return look_at(Dataset.open(path))


def test_bands_are_counted_and_rare_ones_and_their_curves_are_told(tmp_path):
    n = 60
    path = light_curves_only(tmp_path / "d", n, bands=["g", "g", "r", "g", "r", None, "g", "r"])
    (found,) = look(path).modalities
    # of every eight epochs four are in g, three in r and one in none
    assert found.bands == {"g": (20 * n, n), "r": (15 * n, n), "": (5 * n, n)}
    assert (found.used, found.outside) == (["g", "r"], 0)

    # one curve in 60 has other bands than the rest
    bands = np.asarray(["g"] * 40 * 59 + ["Y"] * 40, dtype=object)
    (found,) = look(light_curves_only(tmp_path / "rare", n, bands=bands)).modalities
    assert found.bands == {"g": (2360, 59), "Y": (40, 1)}
    assert (found.used, found.outside) == (["g"], 1)


def test_one_band_is_nothing_to_be_told_apart(tmp_path):
    (found,) = look(light_curves_only(tmp_path / "d", bands=["V"])).modalities
    assert found.used == []
    assert found.bands == {"V": (2400, 60)}


def test_periods_of_the_catalogue_of_columns_and_of_a_search(tmp_path):
    first, second = look(two_telescopes(tmp_path / "catalogue")).modalities
    for found in (first, second):
        assert (found.source, found.periodic, found.tried) == ("catalogue", 1.0, 60)
        assert found.features == ["period"]

    sines = catalogue_and_curves(tmp_path / "sines")
    found = look(sines).modalities[0]
    assert (found.source, found.tried) == ("searched", 40)
    assert found.periodic > 0.9
    compute_features(sines, periods_only=True)
    found = look(sines).modalities[0]
    assert (found.source, found.tried, found.features) == ("computed", 60, [])
    assert found.periodic > 0.9

    (noise,) = look(light_curves_only(tmp_path / "noise")).modalities
    assert noise.source == "searched"
    assert noise.periodic < 0.1


def test_transients_are_brief_and_fade_and_have_no_period(tmp_path):
    found = look(supernovae(tmp_path / "sn")).modalities[0]
    assert found.transient
    assert 50 < found.span < 100
    assert 1500 < found.survey < 2200
    assert 0.7 < found.fading < 3
    assert found.early == 0
    # brief, but what varies is small: a sector of a satellite
    assert not look(supernovae(tmp_path / "sector", fade=1e-4)).modalities[0].transient
    # as long as the survey
    assert not look(light_curves_only(tmp_path / "noise")).modalities[0].transient


def test_what_was_detected_long_before_the_maximum_is_counted(tmp_path):
    dataset = Dataset.open(supernovae(tmp_path / "sn"))
    curves = dataset.ragged("photometry")
    curves.fields = {name: values.copy() for name, values in curves.fields.items()}
    first = curves.offsets[:-1][::4]
    curves.fields["time"][first] -= 300
    curves.fields["magnitude"][first] = 21
    columns = {"photometry": dataset.schema.columns["photometry"]}
    path = write(tmp_path / "early", len(dataset), columns, {"photometry": curves})
    assert look(path).modalities[0].early == 0.25


def test_one_impossible_date_does_not_make_the_search_endless(tmp_path, monkeypatch):
    searched = []

    def find(curves):
        searched.append(len(curves))
        raise RuntimeError("seen enough")

    monkeypatch.setattr("skybind.runs.curve_facts.find_periods", find)
    rng = np.random.default_rng(0)
    values = curves(30, 40, rng)
    values.fields["time"][0] = -2.4e6
    columns = {"photometry": Column("observation", modality="photometry", fields=PHOTOMETRY)}
    path = write(tmp_path / "d", 30, columns, {"photometry": values})
    with pytest.raises(RuntimeError):
        look(path)
    assert searched == [29]


def test_the_coverage_of_spectra_is_that_of_most(tmp_path):
    first = np.repeat([3800.0, 3900.0, 5000.0], [10, 60, 30])
    last = np.repeat([9000.0, 8900.0, 7000.0], [10, 60, 30])
    columns = {
        "spectrum": Column("observation", modality="spectrum",
                           fields={"wavelength": "Angstrom", "flux": None})
    }  # fmt: skip
    path = write(tmp_path / "d", 100, columns, {"spectrum": spectra(first, last, 2.0)})
    (found,) = look(path).modalities
    assert (found.first, found.last, found.step) == (3900, 8900, 2)
    assert found.common == (3900, 8900)
    assert not found.errors
    assert not found.calibrated


def test_gaps_and_wide_ranges_of_the_catalogue(tmp_path):
    found = look(catalogue_and_curves(tmp_path / "d")).modalities[1]
    assert found.name == "metadata"
    assert found.gaps == 0.25
    assert found.wide == ["x_ray_flux"]  # a magnitude is a logarithm, a parallax has both signs


def test_what_cannot_be_used_is_named(tmp_path):
    columns = {
        "polarisation": Column("observation", modality="polarisation", fields={"angle": "deg"}),
        "image": Column("observation", modality="image", fields={"r": None}),
        "mag": Column("feature", "mag", modality="metadata"),
        "z": Column("target"),
    }
    values = {
        "polarisation": ragged({"angle": np.zeros(12)}, [4, 4, 4]),
        "image": ragged({"r": np.arange(48.0)}, [16, 16, 16]),
        "mag": np.arange(3.0),
        "z": np.array([0.1, np.nan, 0.3]),
    }
    facts = look(write(tmp_path / "d", 3, columns, values))
    assert [found.name for found in facts.modalities] == ["metadata"]
    assert set(facts.left) == {"polarisation", "image"}
    assert "8 pixels" in facts.left["image"]
    assert facts.targets == {"z": 2}


def test_labels_and_splits_that_have_all_parts(tmp_path):
    path = two_telescopes(tmp_path / "d")
    assert look(path).labels == {"kind": {"RRAB": 30, "EW": 26, "odd": 4}}
    ids = Dataset.open(path).object_ids
    whole = np.resize(["train", "validation", "test"], len(ids))
    Split(ids, whole).write(path / "splits" / "mine.parquet")
    Split(ids, np.where(whole == "test", "", whole)).write(path / "splits" / "untested.parquet")
    (path / "splits" / "broken.parquet").write_bytes(b"no parquet")
    assert look(path).splits == ["mine"]


def test_a_sample_is_blocks_over_the_whole_range():
    assert sample_rows(np.arange(5)).tolist() == [0, 1, 2, 3, 4]
    rows = sample_rows(np.arange(0, 2_000_000, 2))
    assert len(rows) == 2048
    assert (rows[0], rows[-1]) == (0, 1_999_998)
    assert (np.diff(rows) == 2).sum() == 2048 - 16  # sixteen blocks of neighbours
