import numpy as np
import pytest

from skybind.discovery.measures.target_doubt import target_doubt


@pytest.fixture
def sky():
    """Objects on an arc whose angle tells the redshift exactly, and noisily in a second view."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0.1, 1.4, 600)
    noisy = angle + rng.normal(scale=0.15, size=600)
    vectors = {
        "spectrum": np.stack([np.cos(angle), np.sin(angle)], axis=1),
        "image": np.stack([np.cos(noisy), np.sin(noisy)], axis=1),
    }
    present = {"spectrum": np.ones(600, bool), "image": np.ones(600, bool)}
    return vectors, present, angle / 2


def test_wrong_redshifts_are_doubted_and_what_was_expected_is_right(sky):
    vectors, present, redshift = sky
    catalogue = redshift.copy()
    catalogue[:20] = np.where(redshift[:20] > 0.35, 0.1, 0.65)
    found = target_doubt("z", catalogue, vectors, present, np.arange(600), redshift=True)
    assert found.doubt[:20].min() > np.percentile(found.doubt[20:], 98)
    np.testing.assert_allclose(found.expected[:20], redshift[:20], atol=0.03)
    assert (found.tail[:20] < 0.01).all()


def test_the_modality_that_tells_more_is_believed(sky):
    vectors, present, redshift = sky
    found = target_doubt("z", redshift, vectors, present, np.arange(600), redshift=True)
    assert (found.modality == "spectrum").mean() > 0.95
    present = {**present, "spectrum": np.arange(600) >= 100}
    found = target_doubt("z", redshift, vectors, present, np.arange(600), redshift=True)
    assert (found.modality[:100] == "image").all()


def test_doubts_are_in_standard_deviations(sky):
    vectors, present, redshift = sky
    rng = np.random.default_rng(1)
    noisy = redshift + rng.normal(scale=0.02, size=600)
    found = target_doubt("mass", noisy, vectors, present, np.arange(600))
    assert 0.55 < (found.doubt < 1).mean() < 0.8
    assert found.spread.mean() == pytest.approx(0.02, rel=0.2)


def test_objects_outside_the_reference_are_judged_and_never_asked(sky):
    vectors, present, redshift = sky
    catalogue = redshift.copy()
    catalogue[500:] = 9.0
    found = target_doubt("z", catalogue, vectors, present, np.arange(500))
    assert found.doubt[500:].min() > 20
    assert found.doubt[:500].max() < 20


def test_neighbours_that_cannot_extrapolate_are_no_evidence():
    """The farthest stars lie beyond all that the mean of others can say, and rightly so."""
    rng = np.random.default_rng(3)
    angle = np.sort(rng.uniform(0.1, 1.4, 600))
    angle[-1] = 1.45
    vectors = {"spectrum": np.stack([np.cos(angle), np.sin(angle)], axis=1)}
    distance = 20 + 80 * angle / 1.4 + rng.normal(scale=1.0, size=600)
    distance[-1] = 143.0
    present = {"spectrum": np.ones(600, bool)}
    found = target_doubt("distance", distance, vectors, present, np.arange(600))
    assert found.expected[-1] < 105
    assert found.doubt[-1] < 5
    # in the middle of the range the same number is far from what the neighbours say
    distance[300] = 143.0
    assert target_doubt("distance", distance, vectors, present, np.arange(600)).doubt[300] > 20


def test_unknown_numbers_and_too_few_references_say_nothing(sky):
    vectors, present, redshift = sky
    catalogue = redshift.copy()
    catalogue[3] = np.nan
    found = target_doubt("z", catalogue, vectors, present, np.arange(600))
    assert np.isnan(found.doubt[3])
    assert np.isfinite(found.expected[3])
    assert np.isnan(target_doubt("z", catalogue, vectors, present, np.arange(10)).doubt).all()
