import numpy as np
import pytest
import torch
from torch import nn

from skybind.config.backbone import AutoencoderOptions
from skybind.encoders.registry import Encoder
from skybind.modalities.batch import Batch
from skybind.training.autoencoder import (
    Autoencoder,
    RestFrame,
    Restored,
    SpectrumDecoder,
    equal_where_unknown,
    reconstruction_loss,
    train_autoencoder,
)
from tests.training.training_toys import losses, same_weights, toy_options, weights

WAVELENGTH = np.arange(4000.0, 6000.0, 20.0)
ROWS = {"train": np.arange(64), "validation": np.arange(64, 96)}


class Plain(Encoder):
    """Two linear layers on the flux."""

    def __init__(self, pixels=100, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(nn.Linear(pixels, 32), nn.PReLU(), nn.Linear(32, 8))
        self.out_features = 8

    def forward(self, values, mask=None):
        assert values.shape[1] == 1
        return self.layers(values[:, 0])


class Spectra:
    """A line at rest 4000 A on a flat continuum, of some strength, at some redshift."""

    def __init__(self, n=96, noise=0.05, seed=0):
        rng = np.random.default_rng(seed)
        self.redshift = rng.uniform(0.05, 0.4, n)
        self.strength = rng.uniform(1, 2, n)
        place = 4000 * (1 + self.redshift)[:, None]
        flux = self.strength[:, None] * np.exp(-0.5 * ((WAVELENGTH - place) / 40) ** 2)
        ivar = np.full(flux.shape, noise**-2)
        ivar[:, 50] = 0
        flux = flux + noise * rng.normal(size=flux.shape)
        self.flux, self.ivar = flux.astype(np.float32), ivar.astype(np.float32)
        self.names = ["spectrum", "whole"]

    def __len__(self):
        return len(self.redshift)

    def present(self, name):
        return np.ones(len(self), bool)

    def select(self, names):
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, names=list(names))
        return other

    def batch(self, rows, rng=None):
        rows = np.asarray(rows, np.int64)
        seen = self.flux[rows][:, None].copy()
        if rng is not None:
            seen[:, :, : len(WAVELENGTH) // 4] = 0
        whole = np.stack([self.flux[rows], self.ivar[rows]], axis=1)
        whole[:, 0, 50] = np.nan  # what a masked pixel holds counts nothing
        values = {"spectrum": seen, "whole": whole}
        inputs = {name: {"values": torch.from_numpy(values[name])} for name in self.names}
        present = {name: torch.ones(len(rows), dtype=torch.bool) for name in self.names}
        return Batch(torch.from_numpy(rows), inputs, present)


def options(**changes):
    return AutoencoderOptions(**({"hidden": [32]} | changes))


def train(out, encoder=None, auto=None, resume=False, source=None, **changes):
    source = source or Spectra()
    return train_autoencoder(
        encoder or Plain(),
        auto or options(),
        source,
        Restored("spectrum", "whole", WAVELENGTH, source.redshift),
        ROWS,
        toy_options(**changes),
        out,
        seed=5,
        resume=resume,
    )


def test_the_loss_by_hand():
    flux = torch.tensor([[1.0, 2.0, 4.0], [0.0, 0.0, 1.0]])
    ivar = torch.tensor([[1.0, 3.0, 0.0], [2.0, 2.0, 2.0]])
    restored = torch.tensor([[0.0, 1.0, 9.0], [1.0, 0.0, 1.0]])
    chi, _, objects = reconstruction_loss(restored, flux, ivar, "ivar")
    assert float(chi) == pytest.approx(((1 + 3) / 2 + 2 / 3) / 2)
    relative, _, _ = reconstruction_loss(restored, flux, ivar, "relative")
    assert float(relative) == pytest.approx(((0.5 + 1.5) / 2 + 1 / 3) / 2)
    assert int(objects) == 2


@pytest.mark.parametrize("kind", ["relative", "ivar"])
def test_pixels_without_inverse_variance_count_nothing(kind):
    torch.manual_seed(0)
    flux, restored = torch.randn(3, 20), torch.randn(3, 20)
    ivar = torch.rand(3, 20) + 0.5
    ivar[:, 5:9] = 0
    ivar[2] = 0
    one = reconstruction_loss(restored, flux, ivar, kind)
    flux[:, 5:9], restored[:, 5:9] = torch.nan, 1e6
    restored.requires_grad_()
    two = reconstruction_loss(restored, flux, ivar, kind)
    assert float(one[0]) == float(two[0].detach())
    assert float(one[1]) == pytest.approx(float(two[1]))
    assert int(two[2]) == 2
    two[0].backward()
    assert torch.isfinite(restored.grad).all()
    assert (restored.grad[:, 5:9] == 0).all()


def test_relative_weights_do_not_care_how_bright_an_object_is():
    torch.manual_seed(0)
    flux, restored, ivar = torch.randn(2, 9), torch.randn(2, 9), torch.rand(2, 9)
    one = reconstruction_loss(restored, flux, ivar, "relative")[0]
    two = reconstruction_loss(restored, flux, 7 * ivar, "relative")[0]
    assert float(one) == pytest.approx(float(two), rel=1e-5)
    bright = reconstruction_loss(restored, flux, 7 * ivar, "ivar")[0]
    assert float(bright) > 2 * float(reconstruction_loss(restored, flux, ivar, "ivar")[0])


def test_a_perfect_reconstruction_explains_everything_and_the_mean_nothing():
    torch.manual_seed(0)
    flux, ivar = torch.randn(4, 30), torch.rand(4, 30)
    mean = (ivar * flux).sum(1, keepdim=True) / ivar.sum(1, keepdim=True)
    assert float(reconstruction_loss(flux, flux, ivar)[1]) == 1
    flat = reconstruction_loss(mean.expand_as(flux), flux, ivar, "ivar")[1]
    assert float(flat) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("z", [0.0, 0.137, 0.5])
def test_a_line_at_rest_lands_at_one_plus_z(z):
    wavelength = np.arange(3600.0, 9824.0, 4.0)
    frame = RestFrame(wavelength, (0.0, 0.8))
    rest = frame.wavelength
    assert rest[0] == pytest.approx(3600 / 1.8)
    assert rest[-1] == pytest.approx(wavelength[-1])
    spectrum = np.exp(-0.5 * ((rest - 5007) / 12) ** 2)
    seen = frame(torch.from_numpy(spectrum)[None].float(), torch.tensor([z]))[0].double().numpy()
    centre = (seen * wavelength).sum() / seen.sum()
    assert centre == pytest.approx(5007 * (1 + z), abs=0.15)
    exact = np.exp(-0.5 * ((wavelength / (1 + z) - 5007) / 12) ** 2)
    assert np.abs(seen - exact).max() < 0.02


def test_each_object_is_shifted_by_its_own_redshift_and_gradients_flow():
    decoder = SpectrumDecoder(3, WAVELENGTH, options(frame="rest", latent=2))
    features = torch.randn(4, 3, requires_grad=True)
    z = torch.tensor([0.1, 0.2, 0.3, 0.4])
    both = decoder(features, z)
    assert both.shape == (4, len(WAVELENGTH))
    for i in range(4):
        assert torch.allclose(both[i], decoder(features[i : i + 1], z[i : i + 1])[0], atol=1e-6)
    both.sum().backward()
    assert (features.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize("frame", ["observed", "rest"])
def test_it_learns_to_restore(tmp_path, frame):
    auto = options(frame=frame, redshift_range=(0.0, 0.5))
    result = train(tmp_path, auto=auto, epochs=12, learning_rate=0.03, batch_size=8)
    first, last = result.history[0], result.history[-1]
    assert last["validation/loss"] < 0.5 * first["validation/loss"]
    assert last["validation/accuracy"] > 0.5


def test_spectra_without_errors_are_restored_too(tmp_path):
    source = Spectra()
    source.ivar[:] = 0
    result = train(tmp_path, source=source, epochs=12, learning_rate=0.03, batch_size=8)
    assert result.history[-1]["validation/accuracy"] > 0.5


def test_only_where_nothing_is_known_of_the_errors_all_pixels_count_the_same():
    flux, ivar = torch.tensor([[1.0, 0.0, 2.0]] * 2), torch.zeros(2, 3)
    ivar[1, 0] = 4
    assert equal_where_unknown(flux, ivar).tolist() == [[1, 0, 1], [4, 0, 0]]


def test_training_shows_the_view_and_validation_the_whole(tmp_path):
    class Watching(Plain):
        seen = {True: [], False: []}

        def forward(self, values, mask=None):
            self.seen[self.training].append(values.detach().clone())
            return super().forward(values, mask)

    encoder = Watching()
    train(tmp_path, encoder, epochs=1)
    hidden = {kind: torch.cat(values)[:, 0, :25] for kind, values in encoder.seen.items()}
    assert (hidden[True] == 0).all()
    assert (hidden[False] != 0).all()


def test_resumed_equals_uninterrupted(tmp_path):
    auto = options(frame="rest", redshift_range=(0.0, 0.5))
    whole, second = Plain(), Plain()
    a = train(tmp_path / "whole", whole, auto, epochs=4)
    train(tmp_path / "parts", Plain(), auto, epochs=2)
    b = train(tmp_path / "parts", second, auto, resume=True, epochs=4)
    assert losses(a) == losses(b)
    assert same_weights(weights(whole), weights(second))


def test_the_decoder_is_seeded_and_no_part_of_the_encoder():
    module = Autoencoder(Plain(), SpectrumDecoder(8, WAVELENGTH, options()))
    assert {key.split(".")[0] for key in module.state_dict()} == {"encoder", "decoder"}
    assert len(module.state_dict()) == 5 + 5
