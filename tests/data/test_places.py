"""Positions that sort on the sky, and who is near whom."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from skybind.data import places
from skybind.data.places import near, packed, without_far, without_many
from skybind.data.sky import ARCSEC, shifted, unit_vectors

N = 400


def crowd(rng):
    """Positions everywhere, at both poles, and on both sides of 0 h."""
    ra, dec = rng.uniform(0, 360, N), np.degrees(np.arcsin(rng.uniform(-1, 1, N)))
    ra[:40] = rng.uniform(-1e-4, 1e-4, 40)
    dec[40:80], dec[80:120] = 90 - rng.uniform(0, 1e-3, 40), -90 + rng.uniform(0, 1e-3, 40)
    return ra, dec


@pytest.mark.parametrize("seed", range(3))
def test_near_is_what_a_tree_finds(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(places, "_PIECE", 77)
    ra, dec = crowd(rng)
    vectors = unit_vectors(ra, dec)
    every = zip(vectors, rng.uniform(0, 7, N), rng.uniform(0, 2, N), strict=True)
    moved = np.concatenate([shifted(one[None], angle, away) for one, angle, away in every])
    found = near(
        packed(
            np.degrees(np.arctan2(moved[:, 1], moved[:, 0])),
            np.degrees(np.arctan2(moved[:, 2], np.hypot(moved[:, 0], moved[:, 1]))),
        ),
        np.unique(packed(ra, dec)),
    )
    apart, _ = cKDTree(vectors).query(moved)
    unsure = np.abs(apart / ARCSEC - 1) < 1e-3
    wanted = apart <= 2 * np.sin(ARCSEC / 2)
    assert 100 < wanted.sum() < N - 100
    np.testing.assert_array_equal(found[~unsure], wanted[~unsure])


def test_what_is_no_position_is_near_nothing():
    codes = packed(np.array([np.nan, 10, -999, 10, 0]), np.array([0, np.nan, -999, 91, -90]))
    assert codes[:4].tolist() == [0, 0, 0, 0]
    assert codes[4] > 0  # the south pole is a place
    assert near(codes, np.unique(codes)).tolist() == [False] * 4 + [True]
    assert not near(codes, np.zeros(0, np.uint64)).any()


def test_a_turn_more_is_the_same_place():
    assert packed(np.array([-10.0]), np.array([5.0])) == packed(np.array([350.0]), np.array([5.0]))


def test_a_place_holder_is_no_position():
    codes = np.array([7] * 21 + [8] * 20 + [9], np.uint64)
    assert without_many(codes).tolist() == [0] * 21 + [8] * 20 + [9]


def test_what_objects_far_from_each_other_share_is_not_kept():
    ra = np.array([10.0, 200.0, 30.0, 30 + 0.5 / 3600, 40.0, np.nan, np.nan, 50.0])
    codes = np.array([7, 7, 8, 8, 9, 9, 7, 0], np.uint64)
    kept = without_far(codes, packed(ra, np.zeros(8)))
    assert kept.tolist() == [0, 0, 8, 8, 9, 9, 0, 0]
    assert without_far(codes, np.zeros(8, np.uint64)).tolist() == codes.tolist()
