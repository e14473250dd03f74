"""Simulated galaxies beside real ones; skipped where the shared data are missing."""

import csv
from pathlib import Path

import numpy as np
import pytest

from skybind.simulate.galaxies import bandpasses, population
from skybind.simulate.galaxies.light import shine
from skybind.simulate.galaxies.ssp import WAVELENGTH

REAL = Path(__file__).parents[4] / "shared/data/galaxies"


def break_of(wavelength, flux):
    above = (wavelength > 4000) & (wavelength < 4100)
    below = (wavelength > 3850) & (wavelength < 3950)
    return np.mean((flux * wavelength**2)[above]) / np.mean((flux * wavelength**2)[below])


def rows_of(path):
    if not path.exists():
        pytest.skip(f"{path.parent.name} of the shared data is not here")
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def drawn():
    g = population.draw(700, np.random.default_rng(6))
    light = shine(g, np.random.default_rng(0))
    rows = np.flatnonzero(population.within_limits(g, light.total))
    return {key: values[rows] for key, values in g.items()}, bandpasses.magnitude(light.total[rows])


def test_colours_follow_those_of_desi_galaxies(drawn):
    rows = rows_of(REAL / "desihigh_desi_spectra/catalog.csv")
    rows = [r for r in rows if r["spectype"] == "GALAXY" and r["sample"] in ("bgs", "lrg")]
    z = np.array([float(r["z"]) for r in rows])
    flux = np.array([[float(r[f"flux_{b}_nmgy"]) for b in "grz"] for r in rows])
    real = bandpasses.magnitude(flux)
    g, simulated = drawn
    for low, high in ((0.02, 0.16), (0.16, 0.3), (0.3, 0.6)):
        theirs = np.median(np.diff(real[(z > low) & (z < high)], axis=1), axis=0)
        use = (g["redshift"] > low) & (g["redshift"] < high)
        ours = np.median(np.diff(simulated[use], axis=1), axis=0)
        np.testing.assert_allclose(ours, theirs, atol=0.25)


def test_breaks_are_those_of_sdss_galaxies():
    rows = rows_of(REAL / "hubbleds_sdss_spectra/catalog.csv")
    data = np.load(REAL / "hubbleds_sdss_spectra/spectra_f16.npz")
    wave = 10 ** data["loglam"]
    chosen = {"ellipticals": [], "irregulars": []}
    for i in range(0, len(rows), 6):
        if rows[i]["morph_folder"] in chosen and float(rows[i]["z"]) > 0.01:
            rest = wave / (1 + float(rows[i]["z"]))
            value = break_of(rest, data["flux"][i].astype(float)) if rest[0] < 3850 else np.nan
            chosen[rows[i]["morph_folder"]].append(value)
    g = population.draw(300, np.random.default_rng(6))
    light = shine(g, np.random.default_rng(0))
    total = sum(light.stars.values())
    ours = np.array([break_of(WAVELENGTH, flux) for flux in total])
    old = g["quiescent"] & (g["log_mass"] > 10.6)
    small = ~g["quiescent"] & (g["log_mass"] < 10)
    assert np.median(ours[old]) == pytest.approx(np.nanmedian(chosen["ellipticals"]), abs=0.15)
    assert np.median(ours[small]) == pytest.approx(np.nanmedian(chosen["irregulars"]), abs=0.1)
