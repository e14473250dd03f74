import numpy as np
import pyarrow as pa
import pytest

from skybind.data.schema import BASE_COLUMNS, Column, DatasetSchema
from skybind.ragged import Ragged


def make_table(lengths, seed=0, pixels=400):
    """Give an Arrow table with light curves of given lengths (0: absent), spectra and metadata."""
    rng = np.random.default_rng(seed)
    n = len(lengths)
    lengths = np.asarray(lengths)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    total = int(offsets[-1])
    time = np.concatenate([np.sort(rng.uniform(0, 500, size)) for size in lengths])
    photometry = Ragged(
        {
            "time": 2457000 + time,
            "flux": rng.normal(10, 2, total).astype(np.float32),
            "flux_err": rng.uniform(0.1, 0.2, total).astype(np.float32),
        },
        offsets,
        lengths > 0,
    )
    grid = np.linspace(3700, 9100, pixels)
    spectrum = Ragged(
        {
            "wavelength": np.tile(grid, n).astype(np.float32),
            "flux": rng.normal(1, 0.1, n * pixels).astype(np.float32),
            "ivar": rng.uniform(50, 100, n * pixels).astype(np.float32),
        },
        np.arange(n + 1) * pixels,
        np.ones(n, bool),
    )
    return pa.table(
        {
            "object_id": [f"o{i}" for i in range(n)],
            "photometry": photometry.to_arrow(),
            "spectrum": spectrum.to_arrow(),
            "period": rng.uniform(0.3, 3, n),
            "amplitude": rng.uniform(0.1, 1, n),
            "parallax": rng.uniform(0.1, 5, n),
            "g_mag": rng.uniform(10, 16, n),
            "l": rng.uniform(0, 360, n),
        }
    )


SCHEMA = DatasetSchema(
    {
        **BASE_COLUMNS,
        "photometry": Column("observation", fields={"time": "d", "flux": "mJy", "flux_err": "mJy"}),
        "spectrum": Column("observation", fields={"wavelength": "Angstrom"}),
        "period": Column("feature", "d", modality="photometry"),
        "amplitude": Column("feature", "mag", modality="photometry"),
        "parallax": Column("feature", "mas", modality="metadata"),
        "g_mag": Column("feature", "mag", modality="metadata"),
        "l": Column("feature", "deg", modality="metadata"),
    }
)


@pytest.fixture
def schema():
    return SCHEMA
