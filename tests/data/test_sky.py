import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

import skybind.data.sky as sky
from skybind.data.sky import ARCSEC, judge, moved, pairs_within, shifted, unit_vectors
from skybind.errors import DataError


def angles(vectors):
    ra = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])) % 360
    return ra, np.degrees(np.arctan2(vectors[:, 2], np.hypot(vectors[:, 0], vectors[:, 1])))


def crowd(rng, n, around, size):
    """Positions within a field of some arcsec around one, which may be a pole or RA 0."""
    centre = SkyCoord(*around, unit="deg")
    at = centre.directional_offset_by(
        rng.uniform(0, 360, n) * u.deg, size * np.sqrt(rng.random(n)) * u.arcsec
    )
    return at.ra.deg, at.dec.deg


@pytest.mark.parametrize("around", [(0.0, 0.0), (359.9999, 33.0), (120.0, 89.9999), (77.0, -90.0)])
def test_pairs_are_those_of_astropy(around):
    rng = np.random.default_rng(5)
    a, b = crowd(rng, 300, around, 60), crowd(rng, 400, around, 60)
    ours = pairs_within(unit_vectors(*a), unit_vectors(*b), 3.0)
    i, j, separation, _ = SkyCoord(*b, unit="deg").search_around_sky(
        SkyCoord(*a, unit="deg"), 3 * u.arcsec
    )
    order = np.lexsort((j, separation.arcsec, i))
    assert len(ours) > 100
    assert ours.a.tolist() == i[order].tolist()
    assert ours.b.tolist() == j[order].tolist()
    np.testing.assert_allclose(ours.separation, separation.arcsec[order], atol=1e-9)


def test_separations_are_known_at_every_size():
    ra = np.zeros(4)
    dec = np.array([1e-6, 0.5, 1.0, 3600.0]) / 3600
    pairs = pairs_within(unit_vectors(ra, np.zeros(4))[:1], unit_vectors(ra, dec), 3600.0)
    np.testing.assert_allclose(pairs.separation, [1e-6, 0.5, 1, 3600], rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("dec", [0.0, 60.0, -89.99, 90.0])
def test_proper_motions_are_those_of_astropy(dec):
    start = SkyCoord(
        359.9999 * u.deg,
        dec * u.deg,
        pm_ra_cosdec=3000 * u.mas / u.yr,
        pm_dec=-10300 * u.mas / u.yr,
        distance=1 * u.pc,
        radial_velocity=0 * u.km / u.s,
        obstime=Time(2016.0, format="jyear", scale="tcb"),
    )
    then = start.apply_space_motion(Time(1950.0, format="jyear", scale="tcb"))
    one = np.ones(1)
    ours = SkyCoord(*angles(moved(359.9999 * one, dec * one, 3000 * one, -10300 * one, -66.0)),
                    unit="deg")[0]  # fmt: skip
    # astropy moves by light time too: below a milliarcsecond here
    assert ours.separation(then).arcsec < 2e-3
    assert ours.separation(SkyCoord(359.9999, dec, unit="deg")).arcsec == pytest.approx(
        66 * np.hypot(3.0, 10.3), rel=1e-4
    )


def test_without_a_proper_motion_a_star_stays():
    ra, dec, nothing = np.array([10.0]), np.array([20.0]), np.array([np.nan])
    np.testing.assert_array_equal(moved(ra, dec, nothing, ra, 16.0), unit_vectors(ra, dec))


@pytest.mark.parametrize("dec", [0.0, 45.0, 89.99])
def test_shifts_are_those_of_astropy(dec):
    there = SkyCoord(12.0, dec, unit="deg").directional_offset_by(30 * u.deg, 120 * u.arcsec)
    ours = SkyCoord(
        *angles(shifted(unit_vectors(np.array([12.0]), np.array([dec])), np.pi / 6, 120)),
        unit="deg",
    )
    assert ours[0].separation(there).arcsec < 1e-6


grid = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=1, max_size=12)


def on_grid(cells, dec):
    """Positions on a grid of half arcseconds: many that coincide, and many that are as near."""
    cells = np.asarray(cells, float) * 0.5 / 3600
    return unit_vectors(cells[:, 0] / np.cos(np.radians(dec)), dec + cells[:, 1])


@given(grid, grid, st.sampled_from([0.0, 60.0, 89.999]), st.floats(0.1, 3.0))
@settings(max_examples=150, deadline=None)
def test_one_to_one_is_one_to_one_and_symmetric(first, second, dec, radius):
    a, b = on_grid(first, dec), on_grid(second, dec)
    found, back = judge(a, b, radius), judge(b, a, radius)
    pairs, other = found.pairs.take(found.mutual), back.pairs.take(back.mutual)
    assert len(set(pairs.a.tolist())) == len(set(pairs.b.tolist())) == len(pairs)
    assert set(zip(pairs.a, pairs.b, strict=True)) == set(zip(other.b, other.a, strict=True))
    # whoever is in no pair prefers one that prefers another, or has no candidate at all
    every = found.pairs
    for row in set(every.a.tolist()) - set(pairs.a.tolist()):
        nearest = every.separation[every.a == row].min()
        rivals = every.b[(every.a == row) & (every.separation == nearest)]
        assert any(every.separation[every.b == r].min() <= nearest for r in rivals)
    keys = dict(zip(zip(back.pairs.b, back.pairs.a, strict=True), range(len(back.pairs)),
                    strict=True))  # fmt: skip
    same = [keys[pair] for pair in zip(every.a, every.b, strict=True)]
    assert found.candidates_a.tolist() == back.candidates_b[same].tolist()
    np.testing.assert_array_equal(found.second, back.second[same])
    np.testing.assert_array_equal(found.several, back.several[same])


def line(*arcsec):
    return unit_vectors(np.zeros(len(arcsec)), np.asarray(arcsec) / 3600)


def test_doubt_is_told():
    # one clear; two candidates; a second beyond the radius nearly as near; and one twice as far
    a = line(0, 100, 200, 300)
    b = line(0.3, 100.2, 100.9, 200.8, 198.9, 300.4, 298.9)
    found = judge(a, b, 1.0)
    best = found.pairs.take(found.mutual)
    assert best.b.tolist() == [0, 1, 3, 5]
    assert found.several[found.mutual].tolist() == [False, True, False, False]
    assert found.near_second[found.mutual].tolist() == [False, False, True, False]
    np.testing.assert_allclose(
        found.second[found.mutual], [np.nan, 0.9, 1.1, 1.1], atol=1e-6, equal_nan=True
    )
    assert found.candidates_a[found.mutual].tolist() == [1, 2, 1, 1]


def test_a_rival_of_the_other_side_is_told():
    found = judge(line(0, 0.5), line(0.1), 1.0)
    assert found.mutual.tolist() == [True, False]
    assert found.candidates_b.tolist() == [2, 2]
    assert found.several.all()


def test_nothing_near_is_no_pair():
    assert len(judge(line(0), line(10), 1.0).pairs) == 0
    assert len(pairs_within(line(), line(0), 1.0)) == 0


def test_a_radius_that_pairs_everything_is_refused(monkeypatch):
    monkeypatch.setattr(sky, "MOST_PAIRS", 99)
    many = line(*np.arange(10) / 10)
    with pytest.raises(DataError, match=r"100 pairs lie within 60 arcsec .* smaller radius"):
        pairs_within(many, many, 60.0)
    assert pytest.approx((1 * u.arcsec).to_value("rad")) == ARCSEC
