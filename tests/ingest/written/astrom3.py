"""AstroM3's data as their hub has them."""

import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

GRID = np.arange(3850, 9000, 2)

META = ("mean_vmag", "parallax", "l", "b")

PHOTO = ("amplitude", "period", "lksl_statistic", "rfr_score")


def mad(values: np.ndarray) -> float:
    return np.median(np.abs(values - np.median(values)))


def star(rng: np.random.Generator, epochs: int) -> dict:
    time = np.sort(rng.uniform(2457000, 2458500, epochs))
    wavelength = np.linspace(3700, 9100, 900).astype(np.float32).astype(float)
    return {
        "photometry": np.column_stack(
            [time, rng.normal(9, 1, epochs), rng.uniform(0.1, 0.2, epochs)]
        ),
        "spectra": np.column_stack(
            [wavelength, 5 + np.sin(wavelength / 300) + rng.normal(0, 0.1, 900), np.full(900, 0.1)]
        ),
        "meta": dict(zip(META, rng.uniform([12, 1, 0, -90], [16, 3, 360, 90]), strict=True)),
        "photo": dict(zip(PHOTO, rng.uniform(0.1, 2, 4), strict=True)),
        "label": str(rng.choice(["EW", "M", "SR"])),
    }  # fmt: skip


def normalised(one: dict) -> dict:
    """One star as the release trains on it: nine channels an epoch, three of the spectrum."""
    time, flux, error = one["photometry"].T
    span = np.ptp(time)
    constants = [*one["photo"].values(), np.log10(mad(flux)), span / 365]
    channels = [(time - time.min()) / span, (flux - flux.mean()) / mad(flux), error / mad(flux)]
    curve = np.column_stack([*channels, np.tile(constants, (len(time), 1))])
    flux, error = (np.interp(GRID, one["spectra"][:, 0], one["spectra"][:, k]) for k in (1, 2))
    scale = mad(flux[flux != 0])
    channels = [(flux - flux.mean()) / scale, error / scale, np.full(len(GRID), np.log10(scale))]
    return one | {"photometry": curve, "spectra": np.stack(channels)}


def write_hub(folder, stars, change=lambda one: one, kind=pa.float32(), keep=lambda k: True):
    folder.mkdir(parents=True)
    for part, some in stars.items():
        rows = [change(one) for k, one in enumerate(some) if keep(k)]
        nested = pa.list_(pa.list_(kind))
        table = pa.table(
            {
                "photometry": pa.array([r["photometry"].tolist() for r in rows], nested),
                "spectra": pa.array([r["spectra"].tolist() for r in rows], nested),
                "metadata": [{"meta_cols": r["meta"], "photo_cols": r["photo"]} for r in rows],
                "label": [r["label"] for r in rows],
            }
        )
        pq.write_table(table, folder / f"{part}-00000-of-00001.parquet", row_group_size=5)
    return folder


def write_spectrum(path, rng):
    rows = np.stack([rng.uniform(1, 2, 300), rng.uniform(4, 9, 300), np.ones(300)]).astype("f4")
    header = fits.Header({"COEFF0": 3.5682, "COEFF1": 1.3e-3})
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(rows, header).writeto(path, overwrite=True)


def write_raw(root):
    """AstroM3Dataset as its hub has it: tables by subset and seed, one zip, one folder."""
    rng = np.random.default_rng(3)
    tables = {"train": range(6), "val": range(6, 8), "test": range(8, 11)}
    line = "star {k},{label},{k}.fits,{v},2.5,{p},{a}"
    for seed in (42, 66):
        for subset, keep in (("full", 1), ("sub50", 2)):
            folder = root / "splits" / subset / str(seed)
            folder.mkdir(parents=True)
            for part, members in tables.items():
                own = [k for k in members if k % keep == 0]
                text = [
                    line.format(k=k, label=["EW", "SR"][k % 2], v=12 + k, p=0.3 + k, a=0.1 * k)
                    for k in (own if seed == 42 else [10 - k for k in own])
                ]
                header = "name,target,spec_filename,mean_vmag,parallax,period,amplitude"
                (folder / f"{part}.csv").write_text("\n".join([header, *text, ""]))
    with zipfile.ZipFile(root / "photometry.zip", "w") as archive:
        for k in range(12):
            rows = [f"{2457000 + 3 * i} 12.1 0.02 {rng.normal(5, 1):.4f} 0.1" for i in range(9)]
            archive.writestr(
                f"vardb_files/star{k}.dat", "\n".join(["#", "HJD MAG MAG_ERR FLUX FLUX_ERR", *rows])
            )
    for k in range(11):
        write_spectrum(root / "spectra" / ["EW", "SR"][k % 2] / f"{k}.fits", rng)
    return root
