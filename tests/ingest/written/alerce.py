"""Detections and non-detections of ALeRCE as CSV and JSON."""

import csv
import json

DETECTIONS = [
    {"oid": "ZTF18abcdefg", "candid": 1, "mjd": 58300.2, "fid": 1, "diffmaglim": 20.1,
     "isdiffpos": 1, "magpsf": 18.9, "sigmapsf": 0.1, "magpsf_corr": 18.0,
     "sigmapsf_corr_ext": 0.04, "corrected": True, "dubious": False},
    {"oid": "ZTF18abcdefg", "candid": 2, "mjd": 58301.2, "fid": 2, "diffmaglim": 20.2,
     "isdiffpos": -1, "magpsf": 18.9, "sigmapsf": 0.2, "magpsf_corr": 100.0,
     "sigmapsf_corr_ext": 100.0, "corrected": True, "dubious": False},
    {"oid": "ZTF18abcdefg", "candid": 3, "mjd": 58302.2, "fid": 3, "diffmaglim": 20.2,
     "isdiffpos": 1, "magpsf": 16.4, "sigmapsf": 0.1, "magpsf_corr": 16.1,
     "sigmapsf_corr_ext": 0.04, "corrected": True, "dubious": False},
    {"oid": "ZTF18abcdefg", "candid": 4, "mjd": 58303.2, "fid": 1, "diffmaglim": 20.2,
     "isdiffpos": 1, "magpsf": 15.9, "sigmapsf": 0.1, "magpsf_corr": 15.0,
     "sigmapsf_corr_ext": 0.04, "corrected": True, "dubious": True},
]  # fmt: skip

LIMITS = [
    {"mjd": 58299.2, "fid": 1, "diffmaglim": 20.5},
    {"mjd": 58298.2, "fid": 2, "diffmaglim": 19},
]


def written(path, detections=DETECTIONS):
    if path.suffix == ".json":
        path.write_text(json.dumps({"detections": detections, "non_detections": LIMITS}))
        return path
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, detections[0])
        writer.writeheader()
        writer.writerows(detections)
    return path
