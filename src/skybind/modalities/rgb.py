"""Pictures for people: the arcsinh stretch of the Legacy Survey's viewer."""

from collections.abc import Sequence

import numpy as np

from skybind.errors import DataError

#: Band -> (plane of the picture: 0 red, 1 green, 2 blue; scale), as in the viewer.
LEGACY_SCALES = {"g": (2, 6.0), "r": (1, 3.4), "i": (0, 3.0), "z": (0, 2.2)}
BRIGHTNESS, CONTRAST = 0.03, 20.0
#: Bands of the input of Stein et al.'s network, in its order.
STEIN_BANDS = ("z", "r", "g")


def stein_rgb(pixels: np.ndarray, bands: Sequence[str]) -> np.ndarray:
    """Give some grz images as the network of Stein et al. was trained on them.

    As their code has it (georgestein/ssl-legacysurvey, `ToRGB` of `decals_augmentations`): with the
    viewer's scales s, its m and Q and its mean scaled flux I, a flux F becomes
    F (s + m arcsinh(Q I) / (sqrt(Q) I)), which brightens but does not compress as the viewer's
    picture (F s + m) arcsinh(Q I) / (sqrt(Q) I) does; then it is clipped.

    Parameters
    ----------
    pixels : ndarray, shape (..., C, H, W)
        Fluxes [nanomaggies].
    bands : sequence of str
        Names of the C bands, among them g, r and z.

    Returns
    -------
    ndarray of float32, shape (..., 3, H, W)
        The bands z, r, g, between 0 and 1.
    """
    place = list(bands)
    order = [place.index(band) for band in STEIN_BANDS]
    flux = pixels[..., order, :, :].astype(np.float32, copy=False)
    scales = np.asarray([LEGACY_SCALES[band][1] for band in STEIN_BANDS], np.float32)
    scales = scales[:, None, None]
    mean = np.maximum(flux * scales + np.float32(BRIGHTNESS), 0).mean(axis=-3, keepdims=True)
    gain = np.arcsinh(CONTRAST * mean) / np.sqrt(CONTRAST) / np.where(mean == 0, 1e-6, mean)
    return np.clip(flux * (scales + BRIGHTNESS * gain), 0, 1).astype(np.float32)


def legacy_rgb(pixels: np.ndarray, bands: Sequence[str]) -> np.ndarray:
    """Give the picture of some grz (or gri) images as the Legacy Survey's viewer shows them.

    The mean scaled flux I becomes arcsinh(Q I) / sqrt(Q), and the colours keep their ratios
    (Lupton et al. 2004, PASP 116, 133; viewer `dr2_rgb` with m = 0.03, Q = 20).

    Parameters
    ----------
    pixels : ndarray, shape (..., C, H, W)
        Fluxes [nanomaggies]; NaN is drawn as sky.
    bands : sequence of str
        Names of the C bands; others than g, r, i, z take no part, and z counts before i.

    Returns
    -------
    ndarray of float32, shape (..., H, W, 3)
        Red, green, blue between 0 and 1; with two bands the green is their mean, with one the
        picture is grey.

    Raises
    ------
    DataError
        If there is no band that the stretch knows.
    """
    scaled = {
        index: np.nan_to_num(plane, nan=0.0) + np.float32(BRIGHTNESS)
        for index, plane in _scaled(pixels, bands).items()
    }
    mean = sum(np.maximum(plane, 0) for plane in scaled.values()) / np.float32(len(scaled))
    gain = np.arcsinh(CONTRAST * mean) / np.sqrt(CONTRAST) / np.where(mean == 0, 1e-6, mean)
    average = sum(scaled.values()) / np.float32(len(scaled))
    planes = [scaled.get(index, average) for index in range(3)]
    return np.clip(np.stack(planes, axis=-1) * gain[..., None], 0, 1).astype(np.float32)


def scaled_planes(pixels: np.ndarray, bands: Sequence[str]) -> np.ndarray:
    """Give red, green and blue as the viewer scales them, before it stretches.

    Parameters
    ----------
    pixels, bands
        As of `legacy_rgb`.

    Returns
    -------
    ndarray of float32, shape (..., H, W, 3)
        Fluxes times the scale of their band; NaN where masked.

    Raises
    ------
    DataError
        As of `legacy_rgb`.
    """
    scaled = _scaled(pixels, bands)
    average = sum(scaled.values()) / np.float32(len(scaled))
    return np.stack([scaled.get(index, average) for index in range(3)], axis=-1)


def _scaled(pixels: np.ndarray, bands: Sequence[str]) -> dict[int, np.ndarray]:
    """Planes of the picture that a band is known for: its flux times its scale."""
    known = [band for band in bands if band in LEGACY_SCALES]
    if "z" in known and "i" in known:
        known.remove("i")
    if not known:
        raise DataError(
            f"A picture needs one of the bands {', '.join(LEGACY_SCALES)}; there is only "
            f"{', '.join(bands)}."
        )
    place = list(bands)
    return {
        LEGACY_SCALES[band][0]: pixels[..., place.index(band), :, :]
        * np.float32(LEGACY_SCALES[band][1])
        for band in known
    }
