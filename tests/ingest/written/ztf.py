"""Tables of ZTF's light curve service."""

import csv

import pyarrow as pa
import pyarrow.parquet as pq
from astropy.table import Table

OID = 446210400009872

ROWS = {
    "oid": [OID] * 4,
    "expid": [44230142, 44230143, 44230144, 44230145],
    "hjd": [2458197.7, 2458198.7, 2458199.7, 2458200.7],
    "mjd": [58197.196, 58198.196, 58199.196, 58200.196],
    "mag": [16.1, 16.3, 21.9, 16.2],
    "magerr": [0.01, 0.02, 0.3, 0.02],
    "catflags": [0, 2, 32768, 0],
    "filtercode": ["zg", "zg", "zg", "zr"],
    "ra": [280.8] * 4,
    "dec": [45.2] * 4,
    "limitmag": [20.5] * 4,
}


def written(path):
    table = Table(ROWS)
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(ROWS)
            writer.writerows(zip(*ROWS.values(), strict=True))
    elif path.suffix == ".parquet":
        pq.write_table(pa.table(ROWS), path)
    else:
        table["hjd"].unit, table["mag"].unit = "d", "mag"
        table.write(path, format="votable" if path.suffix == ".xml" else "ascii.ipac")
    return path
