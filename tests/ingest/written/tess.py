"""Files of TESS by SPOC and QLP, as astropy writes them in the published layout."""

import numpy as np
from astropy.io import fits

TIME = np.array([1683.35, 1683.36, 1683.37, np.nan, 1683.39, 1683.40])

FLUX = np.array([1000.0, 1001.0, 1002.0, 1003.0, 1004.0, 9999.0], np.float32)

#: Nothing; a momentum dump (bit 5); stray light (bit 11), which counts by no default; ...
QUALITY = np.array([0, 32, 2048, 0, 16384, 0], np.int32)


def spoc(path, times=TIME, unit="BJD - 2457000, days"):
    columns = [
        fits.Column("TIME", "D", unit=unit, array=times),
        fits.Column("TIMECORR", "E", unit="d", array=np.zeros(6)),
        fits.Column("CADENCENO", "J", array=np.arange(6)),
        fits.Column("SAP_FLUX", "E", unit="e-/s", array=FLUX / 2),
        fits.Column("SAP_FLUX_ERR", "E", unit="e-/s", array=np.full(6, 3.0)),
        fits.Column("PDCSAP_FLUX", "E", unit="e-/s", array=FLUX),
        fits.Column("PDCSAP_FLUX_ERR", "E", unit="e-/s", array=np.full(6, 2.0)),
        fits.Column("QUALITY", "J", array=QUALITY),
    ]
    primary = fits.PrimaryHDU()
    primary.header.update({"TELESCOP": "TESS", "OBJECT": "TIC 1", "TICID": 1, "SECTOR": 14})
    table = fits.BinTableHDU.from_columns(columns, name="LIGHTCURVE")
    table.header.update({"TELESCOP": "TESS", "BJDREFI": 2457000, "BJDREFF": 0.0})
    aperture = fits.ImageHDU(np.zeros((11, 11), np.int32), name="APERTURE")
    fits.HDUList([primary, table, aperture]).writeto(path)
    return path


def qlp(path, flux="KSPSAP_FLUX"):
    columns = [
        fits.Column("TIME", "D", unit="BJD - 2457000, days", array=TIME),
        fits.Column("CADENCENO", "J", array=np.arange(6)),
        fits.Column("SAP_FLUX", "E", array=FLUX),
        fits.Column(flux, "E", array=FLUX / 1000),
        fits.Column(f"{flux}_ERR", "E", array=np.full(6, 0.002)),
        fits.Column("QUALITY", "J", array=QUALITY),
    ]
    primary = fits.PrimaryHDU()
    primary.header.update({"TELESCOP": "TESS", "ORIGIN": "MIT/QLP"})
    table = fits.BinTableHDU.from_columns(columns, name="LIGHTCURVE")
    fits.HDUList([primary, table]).writeto(path)
    return path
