"""A file of the Open Supernova Catalog."""

import json

PHOTOMETRY = [
    {"time": "55800.1", "u_time": "MJD", "magnitude": "17.5", "band": "g", "upperlimit": True,
     "source": "1"},
    {"time": "55801.1", "u_time": "MJD", "magnitude": "16.2", "e_magnitude": "0.02", "band": "g",
     "system": "AB", "source": "1"},
    {"time": ["55802.1", "55802.3"], "magnitude": "15.9", "e_magnitude": "0.03", "band": "V",
     "system": "Vega", "source": "1"},
    {"time": "2455803.6", "u_time": "JD", "magnitude": "15.5", "band": "V", "source": "2"},
    {"time": "55803.4", "magnitude": "15.6", "e_magnitude": "0.02", "band": "V", "system": "AB"},
    {"time": "55804.1", "flux": "1.2e-13", "energy": ["0.3", "10"], "source": "3"},
    {"time": "55805.1", "magnitude": "12.0", "band": "g", "model": "1", "source": "4"},
]  # fmt: skip


def written(path, photometry=PHOTOMETRY):
    event = {"name": "SN2011fe", "sources": [{"name": "a", "alias": "1"}], "photometry": photometry}
    path.write_text(json.dumps({"SN2011fe": event}))
    return path
