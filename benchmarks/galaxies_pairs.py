"""Pairs of observations of few real galaxies: DESI with photometry, pictures, HST images."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.model_selection import KFold

from galaxies_data import deep2_dataset, desi_dataset, legacy_dataset
from galaxies_probes import regression_scores
from galaxies_shift import spectrum_features
from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.data.splits import Split
from skybind.files import write_json
from skybind.measures.regression import knn_regression, regression_metrics
from skybind.measures.retrieval import partner_ranks, retrieval
from skybind.models.model import Model
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.runs.steps import run_pretraining
from skybind.simulate.write import write_galaxies

HERE = Path(__file__).parent
SIMULATED = 3000
#: Redshifts that the simulation reaches.
REACH = 0.6
NEAR = 60.0  # arcsec: two SDSS spectra closer than this may be of one galaxy


def run_desi(data: Path, out: Path, simulated: Path | None, quick: bool) -> dict[str, Any]:
    """Part (b): redshift and retrieval of DESI galaxies by a model of simulated ones."""
    run, made = simulated_model(out, simulated, quick)
    real = desi_dataset(data, out)
    saved = Model.open(run.folder / "pretrain" / "model", real.schema)
    embedded = saved.embed_dataset(real)
    redshift = real.numbers("redshift")
    galaxy = np.asarray(real.column("spectype")).astype(str) == "GALAXY"
    galaxy &= redshift > 0.005
    galaxy &= np.logical_and.reduce([embedded.present[name] for name in embedded.vectors])
    known = np.isfinite(run.dataset.numbers("redshift")) & (run.split.part != "")
    sets = {
        "inside": galaxy & (redshift <= REACH),
        "outside": galaxy & (redshift > REACH),
        "all": galaxy,
    }
    result: dict[str, Any] = {"title": "DESI galaxies, model of simulated galaxies"}
    held = run.split.part == "validation"
    for name, rows in sets.items():
        part: dict[str, Any] = {"n": int(rows.sum()), "redshift": {}, "retrieval": {}}
        views = {**embedded.vectors, "both": embedded.mean()}
        library = {**made.vectors, "both": made.mean()}
        for view, vectors in views.items():
            predicted = knn_regression(
                library[view][known], run.dataset.numbers("redshift")[known], vectors[rows]
            )
            scores = regression_metrics(redshift[rows], predicted, redshift=True)
            part["redshift"][f"{view}, from simulated galaxies"] = scores.plain()
            apart = leave_one_out(vectors[rows], redshift[rows])
            scores = regression_metrics(redshift[rows], apart, redshift=True)
            part["redshift"][f"{view}, from the other real ones"] = scores.plain()
        part["retrieval"] = both_ways(embedded.vectors, rows, "spectrum", "metadata")
        result[name] = part
    result["simulated, held back"] = {
        "n": int(held.sum()),
        "redshift": {},
        "retrieval": both_ways(made.vectors, held, "spectrum", "metadata"),
    }
    write_json(out / "desi.json", result)
    return result


def run_legacy(data: Path, out: Path) -> dict[str, Any]:
    """Part (c), 10 pictures: what a model of images says to them, colours, redshifts."""
    real = legacy_dataset(data, out)
    redshift = real.numbers("redshift")
    result: dict[str, Any] = {"title": "10 pictures with SDSS spectra", "n": len(real)}
    result["pixel scale and stretch"] = real.schema.columns["image"].attributes
    pictures = real.ragged("image")
    bounds = pictures.offsets[:-1]
    flux = {
        band: np.add.reduceat(np.nan_to_num(values.astype(np.float64)), bounds)
        for band, values in pictures.fields.items()
    }
    colour = -2.5 * np.log10(flux["g"] / flux["r"])
    rho, p = spearmanr(colour, real.numbers("g_r"))
    result["picture's g-r against the spectrum's (Spearman)"] = {"rho": rho, "p": p}
    folders = sorted(out.glob("spectra/*/*/shifts/backbone.json"))
    if folders:
        result["redshift by the encoder of part (a)"] = _redshift_of_ten(
            real, redshift, out, folders[0].parent
        )
    write_json(out / "legacy.json", result)
    return result


def _redshift_of_ten(real: Dataset, redshift: np.ndarray, out: Path, folder: Path) -> dict:
    """Ridge regression on the features of part (a), fitted on galaxies that are none of the ten."""
    cache = out / "cache" / "prepared"
    known = Dataset.open(out / "data" / "sdss")
    split = Split.read(folder.parent / "bound" / "split.parquet").align(known.object_ids)
    near = separations(known, real).min(axis=1) < NEAR
    rows = np.flatnonzero((split.part != "") & ~near)
    y = known.numbers("redshift")
    features = [spectrum_features(dataset, folder, cache) for dataset in (known, real)]
    reached = redshift <= y[rows].max()
    seen = separations(known, real)[split.part == "train"].min(axis=0) < NEAR
    scores: dict[str, Any] = {"seen by the encoder in pre-training": int(seen.sum())}
    for name, chosen in (("inside the range trained on", reached), ("outside", ~reached)):
        if chosen.sum() < 2:
            continue
        found = regression_scores(features[0][rows], y[rows], features[1][chosen], redshift[chosen])
        scores[name] = {"n": int(chosen.sum()), **found}
    return scores


def run_deep2(data: Path, out: Path, quick: bool) -> dict[str, Any]:
    """Part (c), 39 pairs: bound by four fifths of them, tried on the fifth left out."""
    real = deep2_dataset(data, out)
    config = load_config(HERE / "galaxies-deep2.yaml", ["training.epochs=2"] if quick else [])
    ranks: dict[str, list[float]] = {"image->spectrum": [], "spectrum->image": []}
    sizes = []
    for number, (train, test) in enumerate(
        KFold(5, shuffle=True, random_state=0).split(np.arange(len(real)))
    ):
        drawn = np.random.default_rng(number).permutation(train)
        part = np.full(len(real), "", dtype="<U10")
        part[drawn], part[drawn[:5]], part[test] = "train", "validation", "test"
        split = Split(real.object_ids, part, {}, {"kind": "fold", "number": number})
        run = Run.start(config, real.path, out / "deep2" / str(number), split=split)
        run_pretraining(run)
        made = run_embedding(run)
        both = test[made.present["image"][test] & made.present["spectrum"][test]]
        for key in ranks:
            query, target = key.split("->")
            nearer, tied = partner_ranks(made.vectors[query][both], made.vectors[target][both])
            ranks[key] += ((nearer + tied / 2) / (len(both) - 1)).tolist()
        sizes.append(len(both))
    result: dict[str, Any] = {"title": "39 pairs of HST images and DEEP2 spectra", "n": sum(sizes)}
    for key, values in ranks.items():
        # the rank as a fraction: 0 the first, 1 the last; by chance 0.5 with a known scatter
        first = float(np.mean(np.array(values) == 0))
        result[key] = {
            "mean relative rank": float(np.mean(values)),
            "error": float(np.std(values) / np.sqrt(len(values))),
            "chance": 0.5,
            "recall@1": first,
            "recall@1 error": float(np.sqrt(max(first, 1 / len(values)) / len(values))),
            "chance recall@1": float(len(sizes) / sum(sizes)),
        }
    write_json(out / "deep2.json", result)
    return result


def simulated_model(out: Path, simulated: Path | None, quick: bool) -> tuple[Run, Any]:
    """Bind spectra and grz magnitudes of simulated galaxies."""
    folder = simulated or out / "data" / "simulated"
    if not (folder / "objects").exists():
        write_galaxies(folder, 200 if quick else SIMULATED, seed=42)
    config = load_config(HERE / "galaxies-simulated.yaml", ["training.epochs=1"] if quick else [])
    run = Run.start(config, folder, out / "simulated")
    run_pretraining(run)
    return run, run_embedding(run)


def leave_one_out(vectors: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Predict each number by the neighbours among the other objects."""
    others = np.arange(len(y))
    return np.concatenate(
        [knn_regression(vectors[others != i], y[others != i], vectors[[i]]) for i in others]
    )


def both_ways(vectors: dict[str, np.ndarray], rows: np.ndarray, a: str, b: str) -> dict[str, Any]:
    """Retrieval of each modality by the other."""
    return {
        f"{q}->{t}": retrieval(vectors[q][rows], vectors[t][rows]).plain()
        for q, t in ((a, b), (b, a))
    }


def separations(first: Dataset, second: Dataset) -> np.ndarray:
    """Angles between the objects of two data sets [arcsec], (n, m)."""

    def towards(dataset: Dataset) -> np.ndarray:
        ra, dec = np.radians(dataset.numbers("ra")), np.radians(dataset.numbers("dec"))
        return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], 1)

    apart = towards(first)[:, None] - towards(second)[None]
    return np.degrees(2 * np.arcsin(np.linalg.norm(apart, axis=2) / 2)) * 3600


def print_pairs(result: dict[str, Any]) -> None:
    """Print the numbers of a part."""
    print(f"\n{result['title']}")
    for name, value in result.items():
        if name == "title":
            continue
        if not isinstance(value, dict) or "retrieval" not in value:
            print(f"  {name}: {json.dumps(value, default=float)}")
            continue
        print(f"  {name}: {value['n']} galaxies")
        for view, scores in value["redshift"].items():
            print(
                f"    redshift from {view}: R2 {scores['r2']:.2f} ± {scores['r2_error']:.2f}, "
                f"bias {scores['bias']:.3f}, scatter {scores['scatter']:.3f}, "
                f"outliers {scores['outliers']}"
            )
        for pair, found in value["retrieval"].items():
            print(
                f"    {pair}: recall@10 {found['recall']['10']:.2f} ± "
                f"{found['recall_error']['10']:.2f} (chance {found['chance_recall']['10']:.2f}), "
                f"median rank {found['median_rank']:.0f} (chance {found['chance_median_rank']:.0f})"
            )
