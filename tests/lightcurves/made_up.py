"""Light curves whose periods are known, and small datasets of them."""

import numpy as np

from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.ragged import Ragged

MAGNITUDES = {"time": "d", "magnitude": "mag", "magnitude_err": "mag"}


def nights(rng, number=250, span=1500.0):
    """Times of a single site: any night, within five hours around midnight."""
    time = np.floor(rng.uniform(0, span, number)) + 0.5 + rng.uniform(-0.1, 0.1, number)
    return np.sort(time)


def noisy(rng, time, value, error=0.02):
    return time, 11 + value + rng.normal(0, error, len(time)), np.full(len(time), error)


def ragged_of(curves, names=tuple(MAGNITUDES)):
    lengths = [len(curve[0]) for curve in curves]
    fields = {
        name: np.concatenate([curve[place] for curve in curves]) for place, name in enumerate(names)
    }
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Ragged(fields, offsets, np.array(lengths) > 0)


def sines(periods, seed=9, number=60, span=100.0):
    """Sines of the given periods; None: not observed."""
    rng = np.random.default_rng(seed)
    curves = []
    for period in periods:
        time = nights(rng, 0 if period is None else number, span)
        curves.append(noisy(rng, time, 0.3 * np.sin(2 * np.pi * time / (period or 1.0))))
    return ragged_of(curves)


def write_curves(folder, curves, chunk=1000, **flat):
    """Write light curves as a dataset, with flat features of the catalogue."""
    units = {field: MAGNITUDES.get(field) for field in curves.fields}
    columns = {
        "photometry": Column("observation", modality="photometry", fields=units),
        **{name: Column("feature", "d", modality="photometry") for name in flat},
    }
    with DatasetWriter(folder, columns) as writer:
        for start in range(0, len(curves), chunk):
            rows = np.arange(start, min(start + chunk, len(curves)))
            ids = np.asarray([f"s{row}" for row in rows])
            values = {name: np.asarray(v)[rows] for name, v in flat.items()}
            writer.append({"object_id": ids, "photometry": curves.take(rows), **values})
    return folder
