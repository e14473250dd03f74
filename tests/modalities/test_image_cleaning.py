import numpy as np

from skybind.modalities.cleaning import clean_image
from skybind.ragged import Ragged


def ragged(*images):
    """Give the column of some images, (C, pixels) each, None for an absent one."""
    some = [
        np.zeros((2, 0)) if image is None else np.asarray(image, np.float32) for image in images
    ]
    values = np.concatenate(some, axis=1)
    offsets = np.concatenate([[0], np.cumsum([image.shape[1] for image in some])])
    present = np.array([image is not None for image in images])
    return Ragged({"g": values[0], "r": values[1]}, offsets, present)


def ramp(n):
    return np.stack([np.arange(n), -np.arange(n)]).astype(float)


def test_what_cannot_be_used_has_its_reason():
    bad = np.full((2, 9), np.nan)
    one_band = ramp(9)
    one_band[0] = np.nan
    cleaned = clean_image(
        ragged(ramp(9), None, np.zeros((2, 0)), ramp(8), bad, np.zeros((2, 9)), one_band, ramp(16))
    )
    assert cleaned.reason.tolist() == [
        "",
        "",
        "empty image",
        "image is not square",
        "all pixels masked",
        "constant image",
        "",
        "",
    ]
    assert cleaned.ragged.present.tolist() == [True, *[False] * 5, True, True]
    assert cleaned.ragged.lengths.tolist() == [9, 0, 0, 0, 0, 0, 9, 16]
    assert cleaned.counts["masked pixels in g"] == 18
    assert cleaned.counts["masked pixels in r"] == 9


def test_infinite_pixels_are_masked_and_counted_and_the_input_is_kept():
    image = ramp(9)
    image[1, 4] = -np.inf
    given = ragged(image, ramp(9))
    cleaned = clean_image(given)
    assert cleaned.counts == {"infinite pixels in r": 1}
    assert np.isnan(cleaned.ragged.fields["r"][4])
    assert np.isinf(given.fields["r"][4])
    assert cleaned.reason.tolist() == ["", ""]
