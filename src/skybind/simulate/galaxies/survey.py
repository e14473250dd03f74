"""A simulated survey of galaxies: image, spectrum and catalogue row of each.

Galaxies are made in fixed blocks, each with its own random generators, so a galaxy's numbers
depend on nothing but the seed of the survey and its own index.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from skybind.data.schema import Column
from skybind.processes import in_order
from skybind.ragged import Ragged
from skybind.simulate.galaxies import (
    artefacts,
    camera,
    catalogue,
    faults,
    neighbours,
    population,
    shapes,
    spectra,
)
from skybind.simulate.galaxies.bandpasses import BANDS
from skybind.simulate.galaxies.history import COMPONENTS
from skybind.simulate.galaxies.light import Light, shine
from skybind.simulate.galaxies.population import Galaxies
from skybind.simulate.simulated import Plan, SimulatedSurvey, choose_observed, hide, in_chunks

BLOCK = 64


"""Galaxies that share a random seed."""


MODALITIES = ("image", "spectrum", "metadata")


OBSERVATIONS = {
    "image": Column(
        "observation", None, "Cutout centred on the galaxy, rows from south to north", "image",
        dict.fromkeys(BANDS, "nmgy"),
        {"pixel_scale": camera.PIXEL_SCALE, "stretch": "linear"},
    ),
    "spectrum": Column(
        "observation", None, "Fibre spectrum, vacuum wavelengths", "spectrum",
        {
            "wavelength": "Angstrom",
            "flux": "1e-17 erg / (s cm2 Angstrom)",
            "ivar": "1e34 s2 cm4 Angstrom2 / erg2",
        },
    ),
}  # fmt: skip


_TRUTH = ("population", "morphology", "redshift", "log_mass", "sfr", "log_ssfr", "age", "log_z",
          "oh", "a_v", "burst", "agn", "bulge_fraction", "sersic", "radius", "bulge_radius",
          "cos_i", "axis_ratio", "angle", "sigma", "arms", "arm_strength", "bar",
          "quiescent")  # fmt: skip


@dataclass(frozen=True)
class _Plan(Plan):
    """The arguments of a simulation."""

    modalities = len(MODALITIES)
    artefacts: float
    wrong_spectra: float
    wrong_redshifts: float


def simulate_galaxies(
    n_objects: int,
    seed: int = 0,
    missing: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
    *,
    artefacts: float = 0.02,
    wrong_spectra: float = 0.01,
    wrong_redshifts: float = 0.02,
) -> SimulatedSurvey:
    """Simulate a survey of galaxies in the shape of AstroCLIP's data set.

    Parameters
    ----------
    n_objects : int
        Number of galaxies. About 0.4 MB of memory each; `iter_galaxies` needs less.
    seed : int
        Same seed, same survey; a longer survey begins with the objects of a shorter one.
    missing : float
        Fraction of each modality left unobserved, 0 to 2/3. Every object keeps at least one.
    progress : callable, optional
        Called with (objects done, objects in all).
    artefacts, wrong_spectra, wrong_redshifts : float
        Fractions of images with an artefact, of spectra that are not (only) the galaxy's, and
        of wrong redshifts in the catalogue.

    Raises
    ------
    skybind.errors.ConfigError
        If an argument is out of range.
    """
    chunks = iter_galaxies(
        n_objects, seed, missing, n_objects, progress, artefacts=artefacts,
        wrong_spectra=wrong_spectra, wrong_redshifts=wrong_redshifts,
    )  # fmt: skip
    return next(chunks)


def iter_galaxies(
    n_objects: int,
    seed: int = 0,
    missing: float = 0.0,
    chunk: int = 512,
    progress: Callable[[int, int], None] | None = None,
    *,
    artefacts: float = 0.02,
    wrong_spectra: float = 0.01,
    wrong_redshifts: float = 0.02,
    processes: int = 1,
) -> Iterator[SimulatedSurvey]:
    """Simulate a survey in chunks that fit in memory; see `simulate_galaxies`.

    Parameters
    ----------
    processes : int
        Processes that simulate blocks side by side; the numbers do not depend on it.

    Yields
    ------
    SimulatedSurvey
        At most `chunk` objects. The numbers do not depend on the chunk.
    """
    plan = _Plan(seed, missing, artefacts, wrong_spectra, wrong_redshifts)
    make = partial(_simulate_block, plan=plan)
    blocks = range(-(-n_objects // BLOCK))
    yield from in_chunks(in_order(make, blocks, processes), n_objects, chunk, progress)


def _simulate_block(block: int, plan: _Plan) -> SimulatedSurvey:
    """Simulate the galaxies of one block; every stage has its own random generator."""
    g, light = _within_reach(plan.generator(block, 0))
    seeing = camera.draw_seeing(BLOCK, plan.generator(block, 1))
    depth = camera.draw_depth(BLOCK, plan.generator(block, 2))
    maps = shapes.component_maps(g, plan.generator(block, 3))
    fibre = {name: _in_fibre(maps[name]) for name in COMPONENTS}
    scene = np.zeros((BLOCK, len(BANDS), camera.FIELD, camera.FIELD), np.float32)
    for name in COMPONENTS:
        scene += maps[name][:, None] * light.bands[name].astype(np.float32)[:, :, None, None]
    radii = catalogue.light_radii(scene[:, 1], g, (0.2, 0.5, 0.8))
    neighbours.add_neighbours(scene, g, light.total, plan.generator(block, 4))
    images = camera.crop(camera.blur(scene, seeing))
    images = camera.observe(images, depth, plan.generator(block, 5))
    artefact = artefacts.choose(BLOCK, plan.artefacts, plan.generator(block, 6))
    artefacts.plant(images, artefact, plan.generator(block, 7))

    flux = spectra.fibre_spectra(g, light, fibre)
    rng = plan.generator(block, 8)
    wrong_spectrum = faults.choose(BLOCK, faults.SPECTRUM_FAULTS, plan.wrong_spectra, rng)
    faults.disturb_spectra(flux, g, wrong_spectrum, plan.generator(block, 9))
    spectrum = spectra.observe(flux, plan.generator(block, 10))

    rng = plan.generator(block, 11)
    wrong_redshift = faults.choose(BLOCK, faults.REDSHIFT_FAULTS, plan.wrong_redshifts, rng)
    redshift = faults.catalogue_redshift(g["redshift"], wrong_redshift, rng)
    fibre_r = sum(light.bands[name][:, 1] * fibre[name] for name in COMPONENTS)
    row = catalogue.row(g, light.total, fibre_r, radii, depth, plan.generator(block, 12))
    observed = choose_observed(BLOCK, plan.missing, len(MODALITIES), plan.generator(block, 13))
    rng = plan.generator(block, 14)
    index = np.arange(block * BLOCK, (block + 1) * BLOCK)
    objects = {
        "object_id": np.array([f"GAL{i:08d}" for i in index], dtype=object),
        **_positions(BLOCK, rng),
        "redshift": redshift,
        "log_mass": faults.catalogue_mass(g["log_mass"], g["redshift"], redshift, rng),
        "morphology": g["morphology"].astype(object),
        "spectype": np.full(BLOCK, "GALAXY", dtype=object),
    }
    objects |= {key: np.where(observed[:, 2], values, np.nan) for key, values in row.items()}
    truth = {"object_id": objects["object_id"]} | {key: g[key] for key in _TRUTH}
    truth |= {f"seeing_{band}": seeing[:, i] for i, band in enumerate(BANDS)}
    truth |= {f"noise_{band}": depth[:, i] for i, band in enumerate(BANDS)}
    truth |= {f"true_mag_{band}": 22.5 - 2.5 * np.log10(light.total[:, i])
              for i, band in enumerate(BANDS)}  # fmt: skip
    truth |= {f"fibre_fraction_{name}": fibre[name] for name in COMPONENTS}
    truth["true_half_light_radius"] = radii[:, 1]
    truth["artefact"] = artefact
    truth["large_spiral"] = np.where(g["population"] == "nearby", "fills the crop", "")
    truth["spectrum_fault"], truth["redshift_fault"] = wrong_spectrum, wrong_redshift
    truth = {k: v.astype(object) if v.dtype.kind == "U" else v for k, v in truth.items()}
    observations = {
        "image": hide(_image(images), observed[:, 0]), "spectrum": hide(spectrum, observed[:, 1]),
    }  # fmt: skip
    return SimulatedSurvey(objects, observations, truth, describe_columns())


def _within_reach(rng: np.random.Generator) -> tuple[Galaxies, Light]:
    """Draw galaxies until a block is full of those that pass the survey's flux limits."""
    found: list[tuple[Galaxies, Light]] = []
    count = 0
    while count < BLOCK:
        g = population.draw(BLOCK * 3 // 2, rng)
        light = shine(g, rng)
        rows = np.flatnonzero(population.within_limits(g, light.total))[: BLOCK - count]
        found.append(({key: values[rows] for key, values in g.items()}, light.take(rows)))
        count += len(rows)
    if len(found) == 1:
        return found[0]
    tables, lights = zip(*found, strict=True)
    table = {key: np.concatenate([t[key] for t in tables]) for key in tables[0]}
    return table, Light.join(lights)


def _in_fibre(image: np.ndarray) -> np.ndarray:
    """Give the fraction of light that a fibre of 1.5 arcsec gets in seeing of 1.1 arcsec, (n,)."""
    weight = camera.fibre_weight()
    half = len(weight) // 2
    middle = slice(camera.FIELD // 2 - half, camera.FIELD // 2 + half)
    return np.einsum("nij,ij->n", image[:, middle, middle], weight).astype(np.float64)


def _image(images: np.ndarray) -> Ragged:
    n = len(images)
    size = camera.SIZE**2
    fields = {band: images[:, i].reshape(-1) for i, band in enumerate(BANDS)}
    return Ragged(fields, np.arange(n + 1, dtype=np.int64) * size, np.ones(n, bool))


def _positions(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw places uniformly on the sky away from the Galaxy's northern hole: dec -20 to 80."""
    sin_dec = rng.uniform(np.sin(np.radians(-20)), np.sin(np.radians(80)), n)
    return {"ra": rng.uniform(100, 280, n), "dec": np.degrees(np.arcsin(sin_dec))}


def describe_columns() -> dict[str, dict[str, str | None]]:
    """Describe every flat column: role, unit, description, modality."""

    def column(role: str, unit: str | None, text: str, modality: str | None = None) -> dict:
        return {"role": role, "unit": unit, "description": text, "modality": modality}

    columns = {
        "object_id": column("id", None, "name of the simulated galaxy"),
        "ra": column("position", "deg", "right ascension, ICRS"),
        "dec": column("position", "deg", "declination, ICRS"),
        "redshift": column("target", None, "redshift in the catalogue; a few percent are wrong"),
        "log_mass": column("target", "dex(solMass)", "log10 of the stellar mass in the catalogue"),
        "morphology": column("label", None, "elliptical, spiral, irregular or merger"),
        "spectype": column("info", None, "class of the spectrum in the catalogue"),
    }
    for name, (unit, text) in catalogue.FEATURES.items():
        columns[name] = column("feature", unit, text, "metadata")
    return columns
