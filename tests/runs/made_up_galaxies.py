"""A tiny survey in which images and spectra both tell the redshift, with planted artefacts."""

import numpy as np

from skybind.config import load_config
from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.ragged import Ragged

SIDE, PIXELS = 20, 96

CONFIG = """
name: tiny-galaxies
split: {subsets: [], fractions: [0.6, 0.2, 0.2]}
labels: {column: morphology}
modalities:
  image:
    preprocessing: {crop: 16, rotation: 0, margin: false}
    encoder: {name: resnet, stem: 4}
  spectrum:
    preprocessing: {wavelength_min: 4000, wavelength_max: 4960, wavelength_step: 10}
    encoder: {name: galspecnet, channels: [4, 8, 8, 8], kernel_size: 5, pool_size: 2, dropout: 0.0}
model: {dimension: 16, scale: {initial: 15.5, learnable: false}}
training: {batch_size: 60, epochs: 30, warmup_epochs: 1, learning_rate: 5.0e-3}
finetuning: {modalities: [], subsets: [full]}
evaluation:
  {map: pca, island_radius: 0.1, supervised_epochs: 3, examples: 1, queries: 2,
   published: {redshift: redshift}}
"""


def flat(values):
    """Rows of equal length as a Ragged."""
    n, length = next(iter(values.values())).shape
    offsets = np.arange(n + 1) * length
    return Ragged({k: v.ravel() for k, v in values.items()}, offsets, np.ones(n, bool))


def write_galaxies(folder, n=300, seed=0, with_spectra=True, name="g"):
    """Write the dataset and its truth table; gives the true redshifts."""
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0.01, 0.5, n)
    artefact = rng.random(n) < 0.06
    grid = np.arange(SIDE) - (SIDE - 1) / 2
    size = 1.2 + 8 * (0.5 - redshift)
    spot = np.exp(-(grid[:, None] ** 2 + grid**2) / size[:, None, None])
    colour = {"g": 1.2 - 2 * redshift, "r": np.ones(n), "z": 0.5 + 2 * redshift}
    image = {}
    for band, strength in colour.items():
        pixels = 2 * strength[:, None, None] * spot + rng.normal(0, 0.02, (n, SIDE, SIDE))
        pixels[artefact, 9:11] += 6.0  # a bright trail
        image[band] = pixels.reshape(n, -1).astype(np.float32)
    wavelength = np.linspace(4000, 4950, PIXELS).astype(np.float32)
    line = np.exp(-0.5 * ((wavelength - 4050 - 1600 * redshift[:, None]) / 15) ** 2)
    spectrum = {
        "wavelength": np.repeat(wavelength[None], n, axis=0),
        "flux": (1 + 3 * line + rng.normal(0, 0.1, line.shape)).astype(np.float32),
        "ivar": np.full(line.shape, 100.0, np.float32),
    }
    catalogue = redshift.copy()
    catalogue[rng.choice(n, n // 25, replace=False)] = 0.9  # wrong redshifts
    columns = {
        "image": Column(
            "observation",
            modality="image",
            fields=dict.fromkeys("grz", "nmgy"),
            attributes={"pixel_scale": 0.262, "stretch": "linear"},
        ),
        "redshift": Column("target"),
        "brightness": Column("target", "mag"),
        "morphology": Column("label"),
    }
    objects = {
        "object_id": np.array([f"{name}{i}" for i in range(n)]),
        "ra": rng.uniform(0, 360, n),
        "dec": rng.uniform(-30, 30, n),
        "image": flat(image),
        "redshift": np.where(np.arange(n) == 5, np.nan, catalogue),
        "brightness": 20 + 3 * redshift,
        "morphology": np.where(redshift > 0.25, "early", "late").astype(object),
    }
    if with_spectra:
        columns["spectrum"] = Column(
            "observation", fields={"wavelength": "Angstrom", "flux": "nmgy", "ivar": "nmgy-2"}
        )
        objects["spectrum"] = flat(spectrum)
    with DatasetWriter(folder, columns, provenance="made up", simulated=True) as writer:
        writer.append(objects)
        writer.truth(
            {
                "object_id": objects["object_id"],
                "redshift": redshift,
                "artefact": np.where(artefact, "trail", "").astype(object),
            }
        )
    return redshift


def tiny_config(folder, *changes):
    path = folder / "tiny.yaml"
    path.write_text(CONFIG)
    return load_config(path, list(changes))
