"""A survey with all that can be observed, and values that are easily spoilt."""

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.ragged import Ragged
from tests.runs.made_up_galaxies import flat

N, EPOCHS, LIMITS = 60, 40, 7
MASKED = slice(40, 50)
LINE, SPIKE = slice(60, 63), 20
#: Beyond single precision, or the same in it; and columns that a condition takes for another.
SPOILT = {
    "lbol": np.geomspace(1e43, 1e46, N),
    "jd": 2459000.5 + 0.0005 * np.arange(N),
    "g": np.linspace(20, 18, N),
    "r": np.linspace(17, 16, N),
    "g-r": np.linspace(0, 1, N),
    "split": np.array(["north", "south"], object)[np.arange(N) % 2],
}
UNITS = {"lbol": "erg/s", "jd": "d", "g": "mag", "r": "mag", "g-r": "mag"}
SPOILT_COLUMNS = {name: Column("info", UNITS.get(name)) for name in SPOILT}


def write_observed(folder, source):
    """Galaxies as in `source`, with light curves of two bands, limits, and odd spectra."""
    known = Dataset.open(source)
    rng = np.random.default_rng(1)
    time = np.sort(rng.uniform(0, 50, (N, EPOCHS)), axis=1)
    band = np.tile(np.array(["g", "r"], object), (N, EPOCHS // 2))
    magnitude = np.where(band == "g", 17.0, 15.0) + 0.1 * np.sin(time / 0.3)
    late = np.sort(rng.uniform(60, 80, (N, LIMITS)), axis=1)  # after all epochs
    spectra = known.ragged("spectrum").fields
    length = len(spectra["flux"]) // N
    flux, ivar = (spectra[n].reshape(N, length).copy() for n in ("flux", "ivar"))
    flux[:, LINE] = [30, 40, 30]
    flux[:, SPIKE] = 900
    ivar[:, MASKED] = 0
    columns = {
        "photometry": Column(
            "observation",
            modality="photometry",
            fields={"time": "d", "magnitude": "mag", "magnitude_err": "mag", "band": None},
        ),
        "photometry_limits": Column(
            "limits",
            modality="photometry",
            fields={"time": "d", "magnitude": "mag", "band": None},
        ),
        "period": Column("feature", "d", modality="photometry"),
        **SPOILT_COLUMNS,
        **{n: known.schema.columns[n] for n in ("image", "spectrum", "redshift", "morphology")},
    }
    image = known.ragged("image").fields
    objects = {
        "object_id": known.object_ids,
        "photometry": flat(
            {
                "time": time,
                "magnitude": magnitude.astype(np.float32),
                "magnitude_err": np.full(time.shape, 0.01, np.float32),
                "band": band,
            }
        ),
        "photometry_limits": flat(
            {
                "time": late,
                "magnitude": np.full(late.shape, 19.0, np.float32),
                "band": np.full(late.shape, "g", object),
            }
        ),
        "period": np.full(N, 0.3 * 2 * np.pi),
        "image": Ragged(image, known.ragged("image").offsets, np.ones(N, bool)),
        "spectrum": flat(
            {"wavelength": spectra["wavelength"].reshape(N, length), "flux": flux, "ivar": ivar}
        ),
        "redshift": known.column("redshift"),
        "morphology": known.labels("morphology").astype(object),
        **SPOILT,
    }
    with DatasetWriter(folder, columns, provenance="made up", simulated=True) as writer:
        writer.append(objects)
