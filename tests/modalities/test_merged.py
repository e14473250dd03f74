"""Several spectra of one object in one table are recognised; one spectrum never is."""

import numpy as np
import pytest

from skybind.modalities.cleaning import SEVERAL, clean_spectrum
from skybind.ragged import Ragged

WAVE = np.arange(4000.0, 4400, 2)
SHAPE = 1 + 0.3 * np.sin(WAVE / 30)


def cleaned(*spectra):
    lengths = [len(wave) for wave, _ in spectra]
    fields = {"wavelength": np.concatenate([w for w, _ in spectra]),
              "flux": np.concatenate([f for _, f in spectra]).astype(np.float32)}  # fmt: skip
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return clean_spectrum(Ragged(fields, offsets, np.ones(len(spectra), bool)))


def visits(shifts, levels, order):
    waves, fluxes = [WAVE + s for s in shifts], [SHAPE * level for level in levels]
    wave, flux = np.concatenate(waves), np.concatenate(fluxes)
    if order == "by wavelength":
        place = np.argsort(wave, kind="stable")
    elif order == "falling":
        place = np.concatenate(
            [np.arange(len(WAVE))[::-1] + k * len(WAVE) for k in range(len(waves))]
        )
    elif order == "mixed":
        place = np.random.default_rng(0).permutation(len(wave))
    else:
        place = np.arange(len(wave))
    return wave[place], flux[place]


@pytest.mark.parametrize("order", ["in turn", "falling", "by wavelength", "mixed"])
@pytest.mark.parametrize(
    ("shifts", "levels"),
    [([0, 0], [1, 4]), ([0, 0, 0], [1, 5, 9]), ([0, 0, 1], [1, 5, 9]), ([0, 1], [1, 4])],
)
def test_several_spectra_are_no_sawtooth(shifts, levels, order):
    good = WAVE, SHAPE
    out = cleaned(good, visits(shifts, levels, order), good)
    assert out.reason.tolist() == ["", SEVERAL, ""]
    assert out.ragged.lengths.tolist() == [len(WAVE), 0, len(WAVE)]


@pytest.mark.parametrize("shift", [0, 1])
def test_several_spectra_of_one_level_in_turn_are_recognised(shift):
    assert cleaned(visits([0, shift], [1, 1.001], "in turn")).reason[0] == SEVERAL


def noisy(seed):
    return WAVE, SHAPE + np.random.default_rng(seed).normal(0, 0.3, len(WAVE))


def arms():
    blue, red = WAVE[:110], WAVE[90:]
    return np.concatenate([blue, red]), np.concatenate([SHAPE[:110], 1.01 * SHAPE[90:]])


def orders():
    """An echelle spectrum: each order overlaps the next by a third, and the last comes first."""
    parts = [slice(start, start + 60) for start in range(140, -1, -40)]
    wave = np.concatenate([WAVE[part] + 0.3 * k for k, part in enumerate(parts)])
    return wave, np.concatenate([SHAPE[part] for part in parts])


def with_gaps():
    keep = np.random.default_rng(1).uniform(size=len(WAVE)) < 0.6
    return WAVE[keep], SHAPE[keep]


@pytest.mark.parametrize(
    "one",
    [
        (WAVE, SHAPE),
        (WAVE[::-1], SHAPE[::-1]),
        *(noisy(seed) for seed in range(5)),
        arms(),
        orders(),
        with_gaps(),
        (WAVE, np.round(SHAPE, 1)),
        (WAVE, np.where(np.arange(200) % 50 == 0, 40, SHAPE)),  # cosmic rays
        tuple(a[np.random.default_rng(3).permutation(200)] for a in (WAVE, SHAPE)),
        (10 ** np.linspace(3.6, 3.9, 300), np.sin(np.arange(300.0) / 2)),
        (np.append(WAVE, WAVE[3]), np.append(SHAPE, 9)),
    ],
)
def test_one_spectrum_is_one(one):
    assert cleaned(one).reason.tolist() == [""]
