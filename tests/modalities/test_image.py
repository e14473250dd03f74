from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.data.schema import Column, DatasetSchema
from skybind.errors import ConfigError
from skybind.modalities.image import Image, ImageOptions
from skybind.modalities.image_statistics import image_statistics, pixel_noise
from skybind.modalities.kinds import modality_class
from skybind.modalities.rgb import legacy_rgb
from skybind.ragged import Ragged

REAL = Path(__file__).parents[3] / "shared/data/galaxies/astroclip_history/test_image.fits"


def schema(bands="grz", stretch="linear"):
    attributes = {"pixel_scale": 0.262, "stretch": stretch}
    fields = dict.fromkeys(bands, "nmgy")
    return DatasetSchema(
        {"image": Column("observation", modality="image", fields=fields, attributes=attributes)}
    )


def build(offered="grz", stretch_of_data="linear", **options):
    return Image("image", ImageOptions(**options), schema(offered, stretch_of_data))


def table(images, bands="grz"):
    """Give the column of images (C, S, S), None for an absent one."""
    flat = [np.zeros((len(bands), 0)) if i is None else i.reshape(len(bands), -1) for i in images]
    values = np.concatenate(flat, axis=1).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum([f.shape[1] for f in flat])]).astype(np.int64)
    present = np.array([i is not None for i in images])
    column = Ragged(dict(zip(bands, values, strict=True)), offsets, present)
    return pa.table({"image": column.to_arrow()})


def random_images(sizes, seed=0, bands=3):
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 0.01, (bands, size, size)) for size in sizes]


PLAIN = {"stretch": "none", "standardise": False, "storage": "float32"}


def values_of(modality, prepared, rng=None, rows=None):
    rows = np.arange(len(prepared)) if rows is None else np.asarray(rows)
    return modality.batch(prepared, rows, rng)["values"]


def test_it_is_known_by_its_kind():
    assert modality_class("image") is Image


def test_the_centre_is_cropped_whatever_the_size():
    sizes = [24, 25, 16, 40, 17]
    images = random_images(sizes)
    modality = build(crop=16, **PLAIN)
    values = values_of(modality, modality.prepare(table(images)))
    assert values.shape == (5, 3, 16, 16)
    assert (modality.shape.channels, modality.shape.length) == (3, 16)
    for got, image, size in zip(values, images, sizes, strict=True):
        low = (size - 16) // 2
        want = image[:, low : low + 16, low : low + 16]
        np.testing.assert_allclose(got, want.astype(np.float32), rtol=0, atol=0)


def test_binning_adds_up_pixels_and_bridges_masked_ones():
    images = random_images([20, 21, 19])
    images[0][1, 2, 2] = np.nan
    modality = build(crop=10, binning=2, rotation=0, **PLAIN)
    prepared = modality.prepare(table(images))
    assert list(prepared.present) == [True, True, False]
    assert prepared.reason[2] == "image smaller than the crop of 20 pixels"
    values = values_of(modality, prepared).numpy()
    np.testing.assert_allclose(values[0][[0, 2]].sum(), images[0][[0, 2]].sum(), atol=1e-5)
    blocks = images[0].reshape(3, 10, 2, 10, 2)
    want = blocks.sum(axis=(2, 4))
    want[1, 1, 1] = 4 / 3 * np.nansum(blocks[1, 1, :, 1])
    np.testing.assert_allclose(values[0], want, atol=1e-6)
    # of an odd side the last row and column are left over
    np.testing.assert_allclose(values[1][0, 0, 0], images[1][0, :2, :2].sum(), atol=1e-6)


def test_bands_are_chosen_by_name_and_order():
    images = random_images([16, 16])
    modality = build(crop=16, bands=["z", "g"], **PLAIN)
    values = values_of(modality, modality.prepare(table(images)))
    np.testing.assert_array_equal(values[1], images[1][[2, 0]].astype(np.float32))
    assert modality.needs == {"image": ["z", "g"]}
    with pytest.raises(ConfigError, match="no band 'Z'"):
        build(bands=["Z"])


def test_what_cannot_be_used_is_absent_with_its_reason():
    images = random_images([16, 12, 20, 20, 16])
    images[2][:, 2:18, 2:18] = np.nan
    images[3][:, 2:18, 2:18] = 0.5
    modality = build(crop=16, rotation=45)
    prepared = modality.prepare(table([*images, None]))
    assert prepared.reason.tolist() == [
        "",
        "image smaller than the crop of 16 pixels",
        "all pixels of the crop masked",
        "constant image",
        "",
        "",
    ]
    assert prepared.present.tolist() == [True, False, False, False, True, False]
    modality.fit(prepared, np.arange(6))
    for rng in (None, np.random.default_rng(0)):
        assert not values_of(modality, prepared, rng)[[1, 2, 3, 5]].any()


def test_fluxes_that_half_precision_cannot_hold_are_set_aside_unless_stored_wider():
    """Janskys: the pixels would become a few steps of 6e-8."""
    images = [1e-6 * image for image in random_images([16, 16])] + random_images([16])
    prepared = build(crop=16).prepare(table(images))
    assert prepared.present.tolist() == [False, False, True]
    assert "set preprocessing.storage to float32" in prepared.reason[0]
    assert build(crop=16, storage="float32").prepare(table(images)).present.all()


def test_masked_pixels_are_sky_and_counted():
    (image,) = random_images([16])
    image[1, 3, :8] = np.nan
    modality = build(crop=16, **PLAIN)
    prepared = modality.prepare(table([image]))
    values = values_of(modality, prepared)
    assert not values[0, 1, 3, :8].any()
    assert torch.isfinite(values).all()
    np.testing.assert_allclose(prepared.arrays["masked"], 8 / 768)


def test_turned_corners_hold_real_pixels():
    ones = [np.ones((3, 40, 40)) + random_images([40], seed)[0] for seed in range(8)]
    rng = np.random.default_rng(1)
    for margin, least in ((True, 0.9), (False, 0.0)):
        modality = build(crop=16, rotation=180, shift=3, margin=margin, **PLAIN)
        prepared = modality.prepare(table(ones))
        lowest = values_of(modality, prepared, rng).min()
        assert (lowest > 0.9) if least else (lowest < 0.1)


@pytest.mark.parametrize(
    ("rotation", "shift", "side"), [(45, 0, 136), (180, 0, 136), (0, 0, 96), (0, 4, 104)]
)
def test_no_more_is_prepared_than_needed(rotation, shift, side):
    assert ImageOptions(rotation=rotation, shift=shift).prepared_side == side
    assert ImageOptions(rotation=rotation, shift=shift, margin=False).prepared_side == 96


def test_training_views_differ_and_are_drawn_from_the_generator():
    modality = build(crop=16, blur=(0.5, 1.5), noise=0.5, shift=1)
    prepared = modality.prepare(table(random_images([24] * 4)))
    modality.fit(prepared, np.arange(4))
    one, two, three = (values_of(modality, prepared, np.random.default_rng(s)) for s in (1, 1, 2))
    torch.testing.assert_close(one, two, rtol=0, atol=0)
    assert not torch.allclose(one, three)
    assert modality.augments
    assert not build(rotation=0, flip=False).augments


@pytest.mark.parametrize("stretch", ["none", "asinh", "rgb", "stein"])
def test_inference_does_not_depend_on_the_batch(stretch):
    modality = build(crop=16, stretch=stretch)
    prepared = modality.prepare(table(random_images([24, 30, 24, 16])))
    modality.fit(prepared, np.arange(3))
    together = values_of(modality, prepared)
    for i in (3, 1):
        torch.testing.assert_close(
            values_of(modality, prepared, rows=[i])[0], together[i], rtol=0, atol=0
        )


@pytest.mark.parametrize("stretch", ["none", "asinh", "rgb", "stein"])
def test_training_pixels_have_zero_mean_and_unit_variance(stretch):
    modality = build(crop=16, stretch=stretch, rotation=0, flip=False)
    images = random_images([20] * 30)
    prepared = modality.prepare(table(images))
    train = np.arange(20)
    modality.fit(prepared, train)
    values = values_of(modality, prepared, rows=train)
    torch.testing.assert_close(values.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(values.std((0, 2, 3)), torch.ones(3), atol=1e-3, rtol=0)
    again = build(crop=16, stretch=stretch, rotation=0, flip=False)
    again.load_state(modality.state())
    torch.testing.assert_close(values_of(again, prepared, rows=train), values, rtol=0, atol=0)


def test_asinh_is_linear_in_the_noise_and_logarithmic_above_it():
    modality = build(crop=16, stretch="asinh", standardise=False, storage="float32")
    images = random_images([16] * 10)
    images[0][:, 8, 8] = 100.0
    prepared = modality.prepare(table(images))
    modality.fit(prepared, np.arange(10))
    np.testing.assert_allclose(modality.softening, 0.01, rtol=0.1)
    values = values_of(modality, prepared, rows=[0])[0].numpy()
    np.testing.assert_allclose(values[:, 8, 8], np.arcsinh(100 / modality.softening), rtol=1e-5)


def test_the_rgb_stretch_is_the_picture():
    images = random_images([16])
    modality = build(crop=16, stretch="rgb", standardise=False, storage="float32")
    values = values_of(modality, modality.prepare(table(images)))
    picture = legacy_rgb(images[0].astype(np.float32), "grz")
    np.testing.assert_allclose(values[0].permute(1, 2, 0), picture, atol=1e-6)
    with pytest.raises(ConfigError, match="pictures already"):
        build(stretch="rgb", stretch_of_data="display")
    with pytest.raises(ConfigError, match="needs three of the bands"):
        build(offered="gr", stretch="rgb")


def test_steins_stretch_takes_its_bands_by_name_and_in_any_order():
    images = random_images([16])
    given, turned = (
        build(crop=16, stretch="stein", standardise=False, storage="float32", bands=list(bands))
        for bands in ("grz", "zgr")
    )
    values = [values_of(m, m.prepare(table(images))) for m in (given, turned)]
    torch.testing.assert_close(values[0], values[1], rtol=0, atol=0)
    assert given.channel_names == ["z", "r", "g"]
    assert values[0].min() >= 0
    assert values[0].max() <= 1
    with pytest.raises(ConfigError, match="stretch stein needs the bands g, r, z, not g, r, i"):
        build(offered="gri", stretch="stein")
    with pytest.raises(ConfigError, match="pictures already"):
        build(stretch="stein", stretch_of_data="display")


def test_half_precision_is_far_below_the_noise_and_never_infinite():
    images = random_images([16] * 3)
    images[1][0, 0, 0] = 1e6
    half, full = (
        build(crop=16, stretch="none", standardise=False, storage=s) for s in ("float16", "float32")
    )
    a = values_of(half, half.prepare(table(images)))
    b = values_of(full, full.prepare(table(images)))
    assert torch.isfinite(a).all()
    assert (a - b)[[0, 2]].abs().max() < 0.01 / 500


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(0, 14), min_size=1, max_size=6),
    st.integers(8, 12),
    st.floats(0, 180),
    st.floats(0, 3),
)
def test_any_sizes_make_finite_batches(sizes, crop, rotation, shift):
    modality = build(crop=crop, rotation=rotation, shift=shift, noise=1.0, blur=(0.0, 1.0))
    prepared = modality.prepare(table([i if i.size else None for i in random_images(sizes)]))
    assert prepared.present.tolist() == [size >= crop for size in sizes]
    modality.fit(prepared, np.arange(len(sizes)))
    for rng in (None, np.random.default_rng(0)):
        values = values_of(modality, prepared, rng)
        assert values.shape == (len(sizes), 3, crop, crop)
        assert torch.isfinite(values).all()


def disc(side=64, sigma_x=4.0, sigma_y=4.0, flux=10.0):
    x = np.arange(side) - (side - 1) / 2
    image = np.exp(-0.5 * ((x / sigma_x) ** 2 + (x[:, None] / sigma_y) ** 2))
    return (flux * image / image.sum()).astype(np.float32)


def test_statistics_measure_known_sources():
    flat = disc(sigma_x=6, sigma_y=3)
    images = np.stack(
        [np.stack([disc(flux=10), disc(flux=20)]), np.stack([flat, flat]), np.zeros((2, 64, 64))]
    )
    got = image_statistics(images.astype(np.float32))
    assert got.shape == (3, 10 + 5 + 2 + 6)
    assert np.isfinite(got).all()
    magnitude = 22.5 - 2.5 * np.log10([10, 20])
    np.testing.assert_allclose(got[0, [4, 9]], magnitude, atol=0.01)
    np.testing.assert_allclose(got[0, 14], magnitude[0] - magnitude[1], atol=0.01)
    # half of a Gaussian's light lies within sigma sqrt(2 ln 2)
    np.testing.assert_allclose(got[0, 15:17], 4 * np.sqrt(2 * np.log(2)), atol=0.3)
    concentration = 5 * np.log10(np.sqrt(np.log(1 / 0.2) / np.log(1 / 0.8)))
    np.testing.assert_allclose(got[0, 19], concentration, atol=0.3)
    # under the window of sigma 8, variances are harmonically reduced
    a, b = (1 / (1 / s**2 + 1 / 64) for s in (6, 3))
    np.testing.assert_allclose(got[:2, 20], [0, (a - b) / (a + b)], atol=1e-3)
    np.testing.assert_allclose(got[:2, 22], 0, atol=1e-5)


def test_noise_is_measured_beside_a_bright_source_and_masked_pixels():
    rng = np.random.default_rng(0)
    images = rng.normal(0, [[[[0.01]], [[0.03]]]], (2, 2, 64, 64))
    images[0] += disc(flux=10)
    images[1, 1, :, :20] = np.nan
    np.testing.assert_allclose(pixel_noise(images), [[0.01, 0.03]] * 2, rtol=0.1)


@pytest.mark.skipif(not REAL.exists(), reason="the shared data are not here")
def test_a_real_field_looks_like_one():
    field = fits.getdata(REAL).astype(np.float32)
    modality = build(crop=96, standardise=False)
    prepared = modality.prepare(table([field, field[:, 20:172, 20:172]]))
    assert prepared.present.all()
    # Legacy Survey coadds: 5 sigma depths of about 24.7, 23.9, 23.0 in g, r, z
    noise = prepared.arrays["noise"][0]
    assert (np.diff(noise) > 0).all()
    assert 5e-4 < noise[0] < 3e-3
    picture = legacy_rgb(field, "grz")
    assert np.median(picture) < 0.2 < picture.max()
    modality.fit(prepared, np.arange(2))
    values = values_of(modality, prepared)
    assert values.abs().max() < 15
    statistics = modality.summary(prepared, np.arange(2))
    assert (statistics[:, :15] > 14).all()
    assert (statistics[:, :15] < 26).all()
