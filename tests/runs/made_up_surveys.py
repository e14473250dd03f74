"""Small surveys of which everything is known: what `config new` looks at."""

import numpy as np

from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.ragged import Ragged

PHOTOMETRY = {"time": "d", "magnitude": "mag", "magnitude_err": "mag"}


def ragged(fields, lengths):
    lengths = np.asarray(lengths)
    return Ragged(fields, np.concatenate([[0], np.cumsum(lengths)]), lengths > 0)


def curves(n, epochs, rng, *, period=None, bands=None):
    """Light curves of sines of a period each, or of noise; an epoch takes a band of `bands`."""
    time = np.sort(rng.uniform(0, 300, (n, epochs)), axis=1)
    signal = 0.0 if period is None else np.sin(2 * np.pi * time / period[:, None])
    fields = {
        "time": time.ravel(),
        "magnitude": (15 + 0.5 * signal + rng.normal(0, 0.05, (n, epochs))).ravel(),
        "magnitude_err": np.full(n * epochs, 0.05),
    }
    if bands is not None:
        fields["band"] = np.tile(np.asarray(bands, dtype=object), n * epochs // len(bands))
    return ragged(fields, np.full(n, epochs))


def spectra(first, last, step):
    """Flat spectra, one of each pair of wavelengths `first` and `last` [Angstrom]."""
    waves = [np.arange(a, b + step / 2, step) for a, b in zip(first, last, strict=True)]
    wave = np.concatenate(waves)
    rng = np.random.default_rng(5)
    fields = {"wavelength": wave, "flux": rng.uniform(1, 2, len(wave))}
    return ragged(fields, [len(w) for w in waves])


def write(path, n, columns, values):
    """Write a dataset of n objects; gives its folder."""
    rng = np.random.default_rng(9)
    ids = np.asarray([f"o{i}" for i in range(n)])
    place = {"ra": rng.uniform(0, 360, n), "dec": rng.uniform(-90, 90, n)}
    with DatasetWriter(path, columns) as writer:
        writer.append({"object_id": ids, **place, **values})
    return path


def light_curves_only(path, n=60, **how):
    """A survey of light curves without period, catalogue or label."""
    rng = np.random.default_rng(1)
    fields = PHOTOMETRY | ({"band": None} if "bands" in how else {})
    column = Column("observation", modality="photometry", fields=fields)
    values = curves(n, how.pop("epochs", 40), rng, **how)
    return write(path, n, {"photometry": column}, {"photometry": values})


def two_telescopes(path, n=60):
    """Two columns of light curves, a period of the catalogue, and three classes."""
    rng = np.random.default_rng(2)
    period = rng.uniform(0.5, 3, n)
    columns = {
        name: Column("observation", modality="photometry", fields=PHOTOMETRY)
        for name in ("near_infrared", "optical")
    }
    columns |= {
        "period": Column("feature", "d", modality="photometry"),
        "kind": Column("label"),
    }
    values = {name: curves(n, 40, rng, period=period) for name in ("near_infrared", "optical")}
    classes = np.repeat(["RRAB", "EW", "odd"], [n // 2, n - n // 2 - 4, 4])
    return write(path, n, columns, {**values, "period": period, "kind": classes})


def catalogue_and_curves(path, n=60):
    """Light curves of sines and three catalogue columns, one with gaps, one of wide range."""
    rng = np.random.default_rng(3)
    columns = {
        "photometry": Column("observation", modality="photometry", fields=PHOTOMETRY),
        "g_mag": Column("feature", "mag", modality="metadata"),
        "parallax": Column("feature", "mas", modality="metadata"),
        "x_ray_flux": Column("feature", None, modality="metadata"),
    }
    parallax = rng.normal(1, 2, n)
    parallax[: n // 4] = np.nan
    return write(path, n, columns, {
        "photometry": curves(n, 40, rng, period=rng.uniform(0.5, 3, n)),
        "g_mag": rng.uniform(10, 20, n),
        "parallax": parallax,
        "x_ray_flux": 10 ** rng.uniform(-15, -11, n),
    })  # fmt: skip


def supernovae(path, n=60, fade=0.03):
    """Two classes that fade at other rates and in other colours, with redshifts and spectra.

    Each is observed 12 times in 110 days of a survey of some years, in g and r in turn; a third
    has no redshift, and every second one a spectrum.
    """
    rng = np.random.default_rng(4)
    fast = np.arange(n) % 2 == 0
    start = 55000 + rng.uniform(0, 2000, n)
    days = np.sort(rng.uniform(0, 100, (n, 12)), axis=1)
    rate = np.where(fast, fade, fade / 3)[:, None]
    red = np.where(fast, 0.1, 0.8)[:, None] * (np.arange(12) % 2 == 0)
    curve = 17 + red + rate * np.abs(days - 10) + rng.normal(0, 0.02, (n, 12))
    fields = {
        "time": (start[:, None] + days + 2400000.5).ravel(),
        "magnitude": curve.ravel(),
        "magnitude_err": np.full(n * 12, 0.02),
        "band": np.tile(np.asarray(["g", "r"], dtype=object), n * 6),
    }
    redshift = np.where(np.arange(n) % 3 == 2, np.nan, 10 ** rng.uniform(-2, -0.5, n))
    wave = np.linspace(3600, 9400, 150)
    lines = np.where(fast, 6150.0, 6563.0)[:, None]
    flux = 1 + np.exp(-0.5 * ((wave - lines) / 60) ** 2) + rng.normal(0, 0.1, (n, 150))
    lengths = np.where(np.arange(n) // 2 % 2 == 0, 150, 0)
    seen = lengths > 0
    columns = {
        "photometry": Column(
            "observation",
            modality="photometry",
            fields=PHOTOMETRY | {"band": None},
            attributes={"time_system": "JD"},
        ),
        "spectrum": Column(
            "observation",
            modality="spectrum",
            fields={"wavelength": "Angstrom", "flux": None},
        ),
        "redshift": Column("feature", modality="metadata"),
        "label": Column("label"),
    }
    spectrum = {"wavelength": np.tile(wave, seen.sum()), "flux": flux[seen].ravel()}
    return write(path, n, columns, {
        "photometry": ragged(fields, np.full(n, 12)),
        "spectrum": ragged(spectrum, lengths),
        "redshift": redshift,
        "label": np.where(fast, "Ic", "II"),
    })  # fmt: skip
