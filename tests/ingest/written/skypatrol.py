"""Light curves of ASAS-SN's Sky Patrol, by the client and by the page."""

import csv

PATROL = {
    "jd": [2457000.5, 2457001.5, 2457002.5, 2457003.5],
    "flux": [1.0, 9.0, 1.1, -0.02],
    "flux_err": [0.05, 0.05, 0.04, 0.03],
    "mag": [16.4, 14.0, 16.3, 99.99],
    "mag_err": [0.05, 0.01, 0.04, 99.99],
    "limit": [17.5] * 4,
    "fwhm": [1.5] * 4,
    "image_id": ["coadd_1", "coadd_2", "coadd_3", "coadd_4"],
    "camera": ["ba", "ba", "bq", "bq"],
    "quality": ["G", "B", "G", "G"],
    "phot_filter": ["V", "V", "g", "g"],
}
PAGE = {"jd": "JD", "flux": "Flux", "flux_err": "Flux Error", "mag": "Mag", "mag_err": "Mag Error",
        "limit": "Limit", "fwhm": "FWHM", "camera": "Camera", "quality": "Quality",
        "phot_filter": "Filter"}  # fmt: skip


def written(path, page=False):
    columns = {PAGE[n]: v for n, v in PATROL.items() if n in PAGE} if page else PATROL
    with path.open("w", newline="") as file:
        file.write("# ra,dec: 10.0,20.0\n" if page else "")
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path
