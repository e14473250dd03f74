import subprocess
import sys
import time

import numpy as np
import pytest

from skybind.errors import ConfigError
from skybind.simulate import iter_stars, simulate_stars
from skybind.simulate.stars.classes import (
    CLASSES,
    METADATA_FEATURES,
    OTHER_CLASSES,
    PHOTOMETRY_FEATURES,
)


def same(a, b):
    for key, values in a.objects.items():
        np.testing.assert_array_equal(values, b.objects[key])
    for key, values in a.truth.items():
        np.testing.assert_array_equal(values, b.truth[key])
    for one, other in ((a.photometry, b.photometry), (a.spectrum, b.spectrum)):
        np.testing.assert_array_equal(one.offsets, other.offsets)
        np.testing.assert_array_equal(one.present, other.present)
        for key, values in one.fields.items():
            np.testing.assert_array_equal(values, other.fields[key])


def test_shape(survey):
    assert len(survey) == 2500 == len(survey.photometry) == len(survey.spectrum)
    assert len(set(survey.objects["object_id"])) == 2500
    assert set(survey.columns) == set(survey.objects)
    roles = [survey.columns[c.name]["role"] for c in METADATA_FEATURES + PHOTOMETRY_FEATURES]
    assert set(roles) == {"feature"}
    assert survey.columns["period"]["modality"] == "photometry"
    assert survey.columns["l"]["modality"] == "metadata"
    assert list(survey.photometry.fields) == ["time", "flux", "flux_err"]
    assert list(survey.spectrum.fields) == ["wavelength", "flux", "ivar"]


def test_everything_observed_is_finite(survey):
    for values in survey.objects.values():
        assert values.dtype == object or np.isfinite(values).all()
    for ragged in (survey.photometry, survey.spectrum):
        assert ragged.present.all()
        assert ragged.lengths.min() > 1
        assert all(np.isfinite(v).all() for v in ragged.fields.values())
    assert (survey.photometry.fields["flux_err"] > 0).all()


def test_proportions_and_planted_fractions(survey):
    true = survey.truth["true_class"].astype(str)
    inside = np.isin(true, list(CLASSES))
    assert np.mean(~inside) == pytest.approx(0.03, abs=0.012)
    assert set(true[~inside]) == set(OTHER_CLASSES)
    assert np.mean(true[inside] == "EW") == pytest.approx(6168 / 21440, abs=0.03)
    wrong = survey.truth["wrong_label"]
    assert np.mean(wrong) == pytest.approx(0.03, abs=0.012)
    np.testing.assert_array_equal(survey.objects["label"] != survey.truth["true_class"], wrong)
    assert np.mean(survey.truth["wrong_period_factor"] != 1) == pytest.approx(0.03, abs=0.012)
    assert np.mean(survey.truth["outlier_kind"] != "") == pytest.approx(0.01, abs=0.007)
    assert np.mean(survey.objects["parallax"] < 0) < 0.03


def test_subtypes_are_in_the_truth(survey):
    true, sub = survey.truth["true_class"], survey.truth["subtype"]
    assert set(sub[true == "M"]) == {"oxygen-rich", "carbon-rich"}
    assert set(sub[true == "ROT"]) == {"dwarf", "giant"}


def test_noise_grows_with_magnitude(survey):
    flux, error = survey.photometry.fields["flux"], survey.photometry.fields["flux_err"]
    owner = survey.photometry.owner
    relative = np.bincount(owner, error) / np.abs(np.bincount(owner, flux))
    v = survey.objects["mean_vmag"]
    assert np.median(relative[v > 16]) > 4 * np.median(relative[v < 13])


def test_magnitudes_of_catalogue_and_light_curve_agree(survey):
    owner = survey.photometry.owner
    quiet = survey.truth["true_amplitude"] < 0.4
    mean = np.bincount(owner, survey.photometry.fields["flux"]) / survey.photometry.lengths
    magnitude = -2.5 * np.log10(mean[quiet] / 3.636e6)
    assert np.median(np.abs(magnitude - survey.objects["mean_vmag"][quiet])) < 0.04


def test_colour_of_spectrum_and_catalogue_agree(survey):
    wave, flux = survey.spectrum.fields["wavelength"], survey.spectrum.fields["flux"]
    owner = survey.spectrum.owner

    def mean(low, high):
        use = (wave > low) & (wave < high)
        return np.bincount(owner[use], flux[use], minlength=len(survey)) / np.sum(use)

    ratio = np.log10(np.maximum(mean(8300, 8480), 1e-9) / np.maximum(mean(4400, 4600), 1e-9))
    ordinary = survey.truth["outlier_kind"] == ""
    assert np.corrcoef(ratio[ordinary], survey.objects["bp_rp"][ordinary])[0, 1] > 0.9


def test_eclipses_are_as_deep_as_the_truth_says(survey):
    true = survey.truth
    deep = (true["true_class"] == "EW") & (survey.objects["mean_vmag"] < 14)
    deep &= true["outlier_kind"] == ""
    ratio = survey.objects["amplitude"][deep] / true["true_amplitude"][deep]
    assert np.median(ratio) == pytest.approx(1, abs=0.15)


def test_same_seed_same_survey_other_seed_another():
    same(simulate_stars(30, seed=3), simulate_stars(30, seed=3))
    a, b = simulate_stars(30, seed=3), simulate_stars(30, seed=4)
    assert not np.allclose(a.objects["ra"], b.objects["ra"])


def test_numbers_do_not_depend_on_chunks_or_on_the_length_of_the_survey():
    whole = simulate_stars(510, seed=1, missing=0.2)
    pieces = list(iter_stars(510, seed=1, missing=0.2, chunk=170))
    assert [len(p) for p in pieces] == [170, 170, 170]
    start = 0
    for piece in pieces:
        same(piece, whole.take(np.arange(start, start + len(piece))))
        start += len(piece)
    same(simulate_stars(40, seed=1, missing=0.2), whole.take(np.arange(40)))


def test_missing_modalities_are_empty():
    found = simulate_stars(750, seed=2, missing=0.3)
    metadata = np.isfinite(found.objects["j_mag"])
    for c in METADATA_FEATURES:
        np.testing.assert_array_equal(np.isfinite(found.objects[c.name]), metadata)
    for c in PHOTOMETRY_FEATURES:
        finite = np.isfinite(found.objects[c.name])
        np.testing.assert_array_equal(finite, found.photometry.present)
    for present in (metadata, found.photometry.present, found.spectrum.present):
        assert np.mean(~present) == pytest.approx(0.3, abs=0.055)
    assert np.all(metadata | found.photometry.present | found.spectrum.present)
    np.testing.assert_array_equal(found.spectrum.lengths > 0, found.spectrum.present)
    full = simulate_stars(750, seed=2)
    kept = full.spectrum.take(np.flatnonzero(found.spectrum.present))
    np.testing.assert_array_equal(kept.fields["flux"], found.spectrum.fields["flux"])


def test_nothing_is_planted_when_nothing_is_asked_for():
    clean = simulate_stars(
        400, seed=0, wrong_labels=0, wrong_periods=0, outliers=0, other_classes=0
    )
    np.testing.assert_array_equal(clean.objects["label"], clean.truth["true_class"])
    assert set(clean.objects["label"]) <= set(CLASSES)
    assert np.all(clean.truth["wrong_period_factor"] == 1)


def test_progress_counts_to_the_end():
    calls = []
    simulate_stars(300, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (300, 300)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


@pytest.mark.parametrize(
    "wrong",
    [{"n_objects": 0}, {"missing": 0.9}, {"missing": -0.1}, {"seed": -1}, {"wrong_labels": 1.5},
     {"outliers": -0.2}],
)  # fmt: skip
def test_wrong_arguments_are_refused_in_a_sentence(wrong):
    with pytest.raises(ConfigError, match=r"give .+\.$"):
        simulate_stars(**({"n_objects": 5} | wrong))


def test_it_is_quick():
    simulate_stars(10)  # the templates are made once
    start = time.process_time()
    simulate_stars(1000, seed=9)
    assert time.process_time() - start < 6


def test_import_is_light():
    code = "import sys, skybind.simulate; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
