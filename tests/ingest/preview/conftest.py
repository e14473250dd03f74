"""A survey of 300 stars with the faults that a dry run should show."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.table import Table

N, CURVES, SPECTRA = 300, 250, 12


def write_survey(folder):
    rng = np.random.default_rng(2)
    ids = [f"{i:04d}" for i in range(N)]
    vmag = rng.uniform(12, 18, N)
    vmag[::20] = 99.99
    teff = rng.uniform(4000, 8000, N)
    teff[3] = np.nan
    Table(
        {
            "id": ids,
            "ra": rng.uniform(0, 360, N),
            "dec": rng.uniform(-80, 80, N),
            "type": ["RRAB" if i % 3 else "" if i % 2 else "EW" for i in range(N)],
            "vmag": vmag,
            "per_h": rng.uniform(6, 12, N),
            "teff": teff,
            "same": np.full(N, 7.0),
        }
    ).write(folder / "stars.csv")
    rows = {"star": [], "mjd": [], "flux": [], "err": [], "band": []}
    for i in range(CURVES):
        n = 20 + i % 5
        rows["star"] += [ids[i]] * n
        rows["mjd"] += np.sort(rng.uniform(53000, 56000, n)).tolist()
        rows["flux"] += (rng.uniform(1, 2, n) * 1e-3).tolist()
        rows["err"] += [1e-5] * n
        rows["band"] += ["V" if e % 2 else "B" for e in range(n)]
    rows["flux"][0] = np.nan
    rows["star"][-1] = "nobody"
    pq.write_table(pa.table(rows), folder / "epochs.parquet")
    (folder / "spectra").mkdir()
    for i in range(SPECTRA):
        wave = np.linspace(400, 900, 50)
        ivar = np.where(np.arange(50) < 5, 0, 25.0)
        Table({"wave": wave, "flux": rng.normal(5, 1, 50), "ivar": ivar}).write(
            folder / "spectra" / f"{ids[-1 - i]}.csv"
        )
    (folder / "spectra" / f"{ids[-1]}.csv").write_text("wave,flux\n")
    mapping = {
        "objects": {
            "file": "stars.csv", "id": "id", "ra": "ra", "dec": "dec", "label": "type",
            "features": {
                "metadata": {"vmag": {"column": "vmag", "unit": "mag"}, "same": "same"},
                "photometry": {"period": {"column": "per_h", "unit": "h"}},
            },
            "targets": {"teff": {"column": "teff", "unit": "K"}},
        },
        "photometry": {
            "file": "epochs.parquet", "id": "star", "time": {"column": "mjd", "unit": "MJD"},
            "flux": {"column": "flux", "unit": "Jy"}, "flux_err": "err", "band": "band",
            "features": "computed",
        },
        "spectrum": {
            "folder": "spectra", "pattern": "{id}.csv", "ivar": "ivar",
            "wavelength": {"column": "wave", "unit": "nm"},
            "flux": {"column": "flux", "unit": "1e-17 erg / (s cm2 Angstrom)"},
        },
    }  # fmt: skip
    (folder / "survey.yaml").write_text(yaml.safe_dump(mapping, sort_keys=False))
    return folder / "survey.yaml"


@pytest.fixture(scope="package")
def mapping(tmp_path_factory):
    return write_survey(tmp_path_factory.mktemp("dry"))
