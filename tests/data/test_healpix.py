"""Cells of HEALPix: of the same library that lays out catalogues, and by what they must be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from skybind.data.healpix import (
    FINEST,
    bounds_of,
    cells_of,
    finest_part,
    near_others,
    part_of,
    parted,
)
from skybind.data.sky import ARCSEC, unit_vectors
from tests.ingest.hats_files import healpix


def everywhere(n, rng):
    return rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


def test_cells_are_those_of_the_library():
    library = pytest.importorskip("cdshealpix.nested", reason="cdshealpix is not installed")
    from astropy import units
    from astropy.coordinates import Latitude, Longitude

    ra, dec = everywhere(20_000, np.random.default_rng(1))
    ra, dec = (
        np.r_[ra, 0.1, 89.9, 359.9999, 45, 44],
        np.r_[dec, 0.2, 41.9, -41.9, 89.9999, -89.9999],
    )
    found = cells_of(ra, dec) >> 2 * (FINEST - 20)
    expected = library.lonlat_to_healpix(Longitude(ra, units.deg), Latitude(dec, units.deg), 20)
    assert (found != expected.astype(np.int64)).sum() == 0


def test_between_the_tropics_they_are_those_of_the_formula():
    rng = np.random.default_rng(2)
    ra, dec = rng.uniform(0, 360, 2000), rng.uniform(-41, 41, 2000)
    assert np.array_equal(cells_of(ra, dec), healpix(ra, dec))


def test_cells_have_the_same_area():
    """Positions all over the sky fall alike into the 192 cells of order 2."""
    ra, dec = everywhere(192 * 400, np.random.default_rng(3))
    counts = np.bincount(cells_of(ra, dec) >> 2 * (FINEST - 2), minlength=192)
    assert len(counts) == 192
    assert abs(counts - 400).max() < 5 * 20


@given(st.floats(-90, 90), st.floats(0, 360))
def test_any_position_has_a_cell(dec, ra):
    (cell,) = cells_of(np.array([ra]), np.array([dec]))
    assert 0 <= cell < 12 << 2 * FINEST


def test_the_sky_is_parted_by_numbers():
    rng = np.random.default_rng(4)
    ra, dec = everywhere(3000, rng)
    cells = np.sort(cells_of(ra, np.abs(dec) ** 1.1 % 90))
    parts = parted(cells, 100)
    own = part_of(cells, parts)
    assert (own >= 0).all()
    assert np.array_equal(own, np.sort(own)), "in the order of the sky"
    counts = np.bincount(own)
    assert counts.min() > 0
    assert counts.max() <= 100
    for order, number in parts:
        low, high = np.searchsorted(cells, bounds_of(order - 1, number // 4))
        assert order == 0 or high - low > 100, "no finer than needed"


def test_a_margin_has_all_that_is_near():
    """Against the distances to all objects of the other part, which stand at its edge."""
    rng = np.random.default_rng(5)
    centre, width, distance = (45.0, 41.8), 0.02, 10.0  # where three base cells meet
    ra = centre[0] + rng.uniform(-width, width, 6000) / np.cos(np.radians(centre[1]))
    dec = centre[1] + rng.uniform(-width, width, 6000)
    parts = parted(np.sort(cells_of(ra, dec)), 400, finest=15)
    assert len(parts) > 15
    own = part_of(cells_of(ra, dec), parts)
    rows, others = near_others(ra, dec, parts, distance)
    found = set(zip(rows.tolist(), others.tolist(), strict=True))
    vectors = unit_vectors(ra, dec)
    for number in range(len(parts)):
        inside = vectors[own == number]
        for row in np.flatnonzero(own != number).tolist():
            nearest = np.sqrt(((inside - vectors[row]) ** 2).sum(axis=1)).min() / ARCSEC
            if nearest <= distance:
                assert (row, number) in found
    assert len(found) < 0.9 * len(parts) * len(ra)
    assert all(own[row] != other for row, other in found)


@pytest.mark.parametrize("distance", [10.0, 60.0, 900.0])
@pytest.mark.parametrize("centre", [(45.0, 41.8), (0.0, 0.0), (10.0, 89.99), (90.0, -89.9)])
def test_a_wide_margin_of_a_dense_field_has_all_that_is_near(centre, distance):
    """Pairs across an edge, against a tree of all positions; parts are not finer than can be."""
    rng = np.random.default_rng(6)
    a, b = unit_vectors(*centre), unit_vectors(centre[0] + 90, 0.0)
    spread = rng.uniform(-40, 40, (2, 8000, 1)) * distance * ARCSEC
    vectors = a + spread[0] * b + spread[1] * np.cross(a, b)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ra = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0]))
    dec = np.degrees(np.arctan2(vectors[:, 2], np.hypot(vectors[:, 0], vectors[:, 1])))
    parts = parted(np.sort(cells_of(ra, dec)), 8, finest_part(distance))
    assert len(parts) > 10
    own = part_of(cells_of(ra, dec), parts)
    near = cKDTree(vectors).query_pairs(distance * ARCSEC * (1 - 1e-9), output_type="ndarray")
    near = np.concatenate([near, near[:, ::-1]])
    near = near[own[near[:, 0]] != own[near[:, 1]]]
    rows, others = near_others(ra, dec, parts, distance)
    found = set(zip(rows.tolist(), others.tolist(), strict=True))
    needed = set(zip(near[:, 0].tolist(), own[near[:, 1]].tolist(), strict=True))
    assert len(needed) > 100
    assert not needed - found
