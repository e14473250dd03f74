"""A file of Kepler in the published layout, as astropy writes it."""

import numpy as np
from astropy.io import fits

TIME = np.array([131.51, 131.53, 131.55, 131.57])

FLUX = np.array([5000.0, 5001.0, 5003.0, 4000.0], np.float32)

#: Nothing; a cosmic ray in the aperture (bit 7), which counts by no default; a thruster firing.
QUALITY = np.array([0, 128, 0, 1048576], np.int32)


def kepler(path, unit="BJD - 2454833"):
    columns = [
        fits.Column("TIME", "D", unit=unit, array=TIME),
        fits.Column("SAP_FLUX", "E", unit="e-/s", array=FLUX / 2),
        fits.Column("PDCSAP_FLUX", "E", unit="e-/s", array=FLUX),
        fits.Column("PDCSAP_FLUX_ERR", "E", unit="e-/s", array=np.full(4, 2.0)),
        fits.Column("SAP_QUALITY", "J", array=QUALITY),
    ]
    primary = fits.PrimaryHDU()
    primary.header.update({"TELESCOP": "Kepler", "KEPLERID": 757450, "MISSION": "Kepler"})
    table = fits.BinTableHDU.from_columns(columns, name="LIGHTCURVE")
    fits.HDUList([primary, table]).writeto(path)
    return path
