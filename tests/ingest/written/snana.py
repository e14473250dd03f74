"""SNANA's pairs of files with the objects and with their epochs."""

import numpy as np
from astropy.io import fits

#: Two objects; after each a row that ends it.
MJD = np.array([60200.1, 60201.1, 60202.1, -777.0, 60300.1, 60301.1, -777.0])

FLUX = np.array([100.0, 110.0, -3.0, -777.0, 50.0, 55.0, -777.0], np.float32)

BAND = np.array(["r ", "g ", "Y ", "- ", "i ", "z ", "- "])


def written(path, band="BAND", last=(3, 6), pair=True):
    phot = [
        fits.Column("MJD", "D", array=MJD),
        fits.Column(band, "2A", array=BAND),
        fits.Column("FIELD", "12A", array=np.array(["WFD"] * 7)),
        fits.Column("PHOTFLAG", "J", array=np.array([0, 4096, 0, 0, 4096, 0, 0])),
        fits.Column("FLUXCAL", "E", array=FLUX),
        fits.Column("FLUXCALERR", "E", array=np.full(7, 2.0)),
    ]
    head = [
        fits.Column("SNID", "16A", array=np.array(["1001", "1002"])),
        fits.Column("RA", "D", array=np.array([10.0, 20.0])),
        fits.Column("DEC", "D", array=np.array([-10.0, -20.0])),
        fits.Column("NOBS", "J", array=np.array([3, 2])),
        fits.Column("PTROBS_MIN", "J", array=np.array([1, 5])),
        fits.Column("PTROBS_MAX", "J", array=np.array(last)),
    ]
    for name, columns in (("HEAD", head), ("PHOT", phot)):
        if pair or name == "PHOT":
            primary = fits.PrimaryHDU()
            primary.header["SURVEY"] = "LSST"
            table = fits.BinTableHDU.from_columns(columns)
            fits.HDUList([primary, table]).writeto(path / f"M_{name}.FITS.gz", overwrite=True)
    return path / "M_PHOT.FITS.gz"
