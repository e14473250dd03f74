"""Score a random forest on simple statistics of each modality of the simulated survey.

The simulated survey is calibrated so that no modality suffices: the accuracies should land near
the "No CLIP" column of AstroM3's first results table (spectra 76.3 %, metadata 85.6 %,
photometry 84.6 %), all together clearly above. Run

    python benchmarks/calibrate_simulation.py --objects 10000 --seeds 0 1
"""

import argparse
import time
from itertools import pairwise

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from skybind.simulate import SimulatedSurvey, simulate_stars
from skybind.simulate.stars.classes import CLASSES, METADATA_FEATURES, PHOTOMETRY_FEATURES

TARGETS = {"spectrum": 76.3, "metadata": 85.6, "photometry": 84.6, "all": 94.1}
MAGNITUDES = [c.name for c in METADATA_FEATURES if c.name.endswith("mag") and c.name[:2] != "e_"]


def metadata_statistics(survey: SimulatedSurvey) -> np.ndarray:
    """Give the 34 features as the paper transforms them; no absolute magnitude if parallax <= 0."""
    row = {c.name: survey.objects[c.name].copy() for c in METADATA_FEATURES}
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = 5 * np.log10(np.where(row["parallax"] > 0, row["parallax"], np.nan)) - 10
    for name in MAGNITUDES:
        row[name] += shift
    row["l"], row["b"] = np.cos(np.radians(row["l"])), np.sin(np.radians(row["b"]))
    table = np.stack(list(row.values()), axis=1)
    return np.where(np.isfinite(table), table, np.nanmedian(table, axis=0))


def photometry_statistics(survey: SimulatedSurvey) -> np.ndarray:
    """Give the four catalogue features and 19 statistics of each light curve."""
    columns = [np.log10(survey.objects["period"])]
    columns += [survey.objects[c.name] for c in PHOTOMETRY_FEATURES]
    curves, offsets = survey.photometry.fields, survey.photometry.offsets
    statistics = [
        _curve_statistics(curves["time"][a:b], curves["flux"][a:b], curves["flux_err"][a:b])
        for a, b in pairwise(offsets)
    ]
    return np.column_stack([*columns, np.array(statistics)])


def _curve_statistics(time: np.ndarray, flux: np.ndarray, flux_err: np.ndarray) -> list[float]:
    value = flux / np.median(flux)
    centre = value - value.mean()
    spread = max(float(value.std()), 1e-6)
    percentiles = np.percentile(value, [2, 5, 10, 25, 50, 75, 90, 95, 98])
    mad = max(float(np.median(np.abs(value - percentiles[4]))), 1e-6)
    steps = np.diff(value)
    near = np.diff(time) < 2
    reach = percentiles[8] - percentiles[0]
    return [
        np.log10(spread), np.log10(mad), np.mean(centre**3) / spread**3,
        np.mean(centre**4) / spread**4, *((percentiles - percentiles[4]) / max(reach, 1e-6)),
        np.log10(reach), np.mean(steps**2) / spread**2,
        np.mean(steps[near] ** 2) / spread**2 if near.any() else 2.0,
        np.median(flux_err / np.median(flux)) / spread, np.mean(np.abs(centre) < spread),
        np.mean(centre[:-1] * centre[1:]) / spread**2,
    ]  # fmt: skip


def spectrum_statistics(survey: SimulatedSurvey, train: np.ndarray) -> np.ndarray:
    """Give components of the binned spectra, with and without their slope, and 26 wide fluxes."""
    grid = np.arange(3850.0, 9000.0, 10.0)
    binned = np.empty((len(survey), len(grid)))
    fields, offsets = survey.spectrum.fields, survey.spectrum.offsets
    for row, (a, b) in enumerate(pairwise(offsets)):
        good = fields["ivar"][a:b] > 0
        place = ((fields["wavelength"][a:b][good] - 3845) / 10).astype(int)
        inside = (place >= 0) & (place < len(grid))
        place, flux = place[inside], fields["flux"][a:b][good][inside]
        count = np.bincount(place, minlength=len(grid))
        total = np.bincount(place, flux, minlength=len(grid))
        filled = count > 0
        binned[row] = np.interp(grid, grid[filled], total[filled] / count[filled])
    binned /= np.median(np.abs(binned), axis=1, keepdims=True)
    binned = np.clip(binned, -1, 10)
    components = PCA(30, random_state=0).fit(binned[train]).transform(binned)
    blocks = binned[:, : 26 * (len(grid) // 26)].reshape(len(binned), 26, -1)
    # local contrast shows lines that the slope of the spectrum hides
    smooth = np.apply_along_axis(np.convolve, 1, binned, np.ones(15) / 15, mode="same")
    contrast = PCA(30, random_state=0).fit((binned / np.maximum(smooth, 0.02))[train])
    lines = contrast.transform(binned / np.maximum(smooth, 0.02))
    return np.column_stack([components, lines, blocks.mean(axis=2)])


def score(survey: SimulatedSurvey, seed: int, trees: int) -> dict[str, float]:
    """Give the accuracy [%] of each modality and of all three, on a fifth of the objects."""
    label = survey.objects["label"].astype(str)
    rows = np.flatnonzero(np.isin(label, list(CLASSES)))
    survey, label = survey.take(rows), label[rows]
    train, test = train_test_split(
        np.arange(len(rows)), test_size=0.2, stratify=label, random_state=seed
    )
    tables = {
        "spectrum": spectrum_statistics(survey, train),
        "metadata": metadata_statistics(survey),
        "photometry": photometry_statistics(survey),
    }
    tables["all"] = np.column_stack(list(tables.values()))
    results = {}
    for name, table in tables.items():
        forest = RandomForestClassifier(trees, random_state=seed, n_jobs=1)
        guess = forest.fit(table[train], label[train]).predict(table[test])
        results[name] = 100 * float(np.mean(guess == label[test]))
        by_class = {c: 100 * np.mean(guess[label[test] == c] == c) for c in CLASSES}
        print(f"  {name:10s} {results[name]:5.1f}  ", end="")
        print(" ".join(f"{c} {value:.0f}" for c, value in by_class.items()), flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--trees", type=int, default=200)
    args = parser.parse_args()
    for seed in args.seeds:
        start = time.perf_counter()
        survey = simulate_stars(args.objects, seed=seed)
        print(f"seed {seed}: {args.objects} objects in {time.perf_counter() - start:.1f} s")
        results = score(survey, seed, args.trees)
        print("  paper      " + "  ".join(f"{k} {v}" for k, v in TARGETS.items()))
        print("  difference " + "  ".join(f"{k} {results[k] - v:+.1f}" for k, v in TARGETS.items()))


if __name__ == "__main__":
    main()
