"""PLAsTiCC's table of epochs."""

import csv

ROWS = [(615, 59750.4229 + i, band, flux, 3.6, int(flux > 20)) for i, (band, flux) in enumerate(
    [(2, -544.8), (1, -816.4), (3, -471.4), (0, 12.3), (4, 388.9), (5, 20.5)])]  # fmt: skip


def written(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["object_id", "mjd", "passband", "flux", "flux_err", "detected_bool"])
        writer.writerows(rows)
    return path
