"""Images as people look at them."""

import numpy as np
import pytest

from skybind.drawing.objects import object_figure
from skybind.drawing.observed import ExampleObject
from skybind.drawing.pictures import picture_of, stretched
from skybind.errors import DataError
from skybind.explore.objects import picture_json
from skybind.ragged import Ragged

RNG = np.random.default_rng(2)
PIXELS = {band: RNG.normal(1.0, 0.3, 400).astype(np.float32) for band in "grz"}


def image(fields, **attributes):
    return picture_of(Ragged(fields, np.array([0, 400]), np.array([True])), attributes)


def test_a_linear_stretch_lies_between_two_percentiles():
    picture = stretched(image({"x": PIXELS["g"]}), "linear", 5, 90)
    values = PIXELS["g"].reshape(20, 20).astype(float)
    low, high = np.percentile(values, [5, 90])
    expected = np.clip((values - low) / (high - low), 0, 1)
    for plane in range(3):
        np.testing.assert_allclose(picture.pixels[..., plane], expected, atol=1e-5)


@pytest.mark.parametrize("stretch", ["linear", "asinh", "log"])
def test_a_stretch_keeps_the_order_and_the_ends(stretch):
    linear = stretched(image(PIXELS), "linear", 1, 99).pixels.ravel()
    made = stretched(image(PIXELS), stretch, 1, 99).pixels.ravel()
    assert (made.min(), made.max()) == (0, pytest.approx(1))
    assert (np.diff(made[np.argsort(linear)]) >= -1e-6).all()
    if stretch != "linear":
        assert made.mean() > linear.mean() + 0.05  # it lifts what is faint


def test_colours_keep_their_ratios():
    """Red, green and blue have the same ends: a band ten times as bright is the brighter."""
    fields = {band: np.full(400, 0.1, np.float32) for band in "grz"}
    for band in fields:
        fields[band][:10] = 0.0
    fields["z"][10:] = 1.0
    made = stretched(image(fields), "linear", 0, 100).pixels
    assert made[10, 10, 0] == 1
    assert made[10, 10, 2] == pytest.approx(0.1 * 6.0 / 2.2, abs=1e-5)


def test_masked_pixels_are_black_and_of_display_images_the_colours_stay():
    fields = {band: values.copy() for band, values in PIXELS.items()}
    fields["g"][0] = np.nan
    assert stretched(image(fields), "linear", 1, 99).pixels[0, 0, 2] == 0
    planes = {band: np.linspace(0, 1, 400, dtype=np.float32) for band in "grz"}
    planes["z"][:] = 0.5
    made = stretched(image(planes, stretch="display"), "linear", 0, 100).pixels
    np.testing.assert_allclose(made[..., 0], 0.5, atol=1e-6)  # the last band is red


def test_what_is_no_stretch_is_refused():
    picture = image(PIXELS)
    for low, high in ((50, 50), (-1, 50), (0, 101)):
        with pytest.raises(DataError, match="percentiles"):
            stretched(picture, "linear", low, high)
    with pytest.raises(DataError, match="did you mean"):
        stretched(picture, "asin", 1, 99)


@pytest.mark.parametrize("bands", ["x", "xy"])
def test_masked_pixels_change_neither_the_sky_nor_the_ends(bands):
    fields = {band: RNG.normal(1.0, 0.3, 400).astype(np.float32) for band in bands}
    masked = RNG.random(400) < 0.3
    holed = {band: np.where(masked, np.nan, values) for band, values in fields.items()}
    whole, made = image(fields), image(holed)
    for one, other in (
        (whole.pixels, made.pixels),
        (stretched(whole, "linear", 5, 95).pixels, stretched(made, "linear", 5, 95).pixels),
    ):
        sky = [pixels[..., 0].ravel()[~masked] for pixels in (one, other)]
        assert abs(np.median(sky[0]) - np.median(sky[1])) < 0.06
        assert (other[..., 0].ravel()[masked] == 0).all()


def test_a_pixel_that_is_masked_in_one_band_has_the_mean_of_the_others():
    fields = {"x": np.linspace(0, 1, 400), "y": np.linspace(0, 1, 400)}
    fields["y"][200] = np.nan
    made = stretched(image(fields), "linear", 0, 100).pixels[..., 0].ravel()
    np.testing.assert_allclose(made, np.linspace(0, 1, 400), atol=1e-6)


@pytest.mark.parametrize("bands", ["grz", "x"])
def test_a_picture_of_masked_pixels_alone_is_blank(bands):
    nothing = image({band: np.full(400, np.nan, np.float32) for band in bands})
    assert (stretched(nothing, "asinh", 1, 99).pixels == 0).all()


@pytest.mark.parametrize(
    ("side", "drawn", "whole"), [(96, 96, None), (160, 96, 160), (129, 97, 129)]
)
def test_that_a_picture_is_the_middle_of_an_image_is_told(side, drawn, whole):
    fields = {"r": RNG.normal(1.0, 0.3, side**2).astype(np.float32)}
    one = Ragged(fields, np.array([0, side**2]), np.array([True]))
    picture = picture_of(one, {"pixel_scale": 0.262})
    assert (picture.pixels.shape[:2], picture.side) == ((drawn, drawn), whole)
    told = picture_json(picture)
    assert (told["side"], told["whole"]) == (drawn, whole)
    (axes,) = object_figure(ExampleObject("x", image=picture)).axes
    assert axes.get_xlabel() == (f"middle {drawn} of {whole} pixels" if whole else "")
