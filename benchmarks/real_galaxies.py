"""Real galaxies: (a) SDSS spectra, (b) DESI spectra and photometry, (c) a few image pairs.

    python benchmarks/real_galaxies.py --data ../shared/data/galaxies --out DIR

(a) 1,737 SDSS spectra with a good redshift, in five folds at random and five of regions of the
    sky: redshift, morphology and BPT class from encoders trained without labels on the fold's
    training objects, from principal components, and from line indices; then the spectra bound
    with their ugriz magnitudes.
(b) 158 DESI galaxies with grz photometry, as a test of a model trained on simulated galaxies.
(c) 10 pictures with SDSS spectra and 39 pairs of HST images and DEEP2 spectra.

Interrupted, the same command goes on: what is done is kept in DIR. `--simulated` takes a data
set of `skybind simulate galaxies` for (b) and (c); without it one is made in DIR.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.model_selection import GroupKFold, KFold

from galaxies_data import sdss_dataset, sky_groups
from galaxies_indices import line_indices
from galaxies_pairs import print_pairs, run_deep2, run_desi, run_legacy
from galaxies_probes import filled, pca_baselines, probe
from galaxies_shift import (
    ENCODER,
    FIRST,
    Recipe,
    middle_spectrum,
    pretrain_by_shifts,
    spectrum_features,
)
from skybind.config import load_config
from skybind.config.backbone import load_backbone_config
from skybind.config.schema import ModalityBackbone, ModalityConfig
from skybind.data.dataset import Dataset
from skybind.data.splits import Split
from skybind.encoders import build_encoder
from skybind.files import write_json
from skybind.measures.retrieval import retrieval
from skybind.modalities.source import BatchSource
from skybind.modalities.spectrum import Spectrum, SpectrumOptions
from skybind.modalities.store import prepare, prepared_folder
from skybind.runs.backbones import pretrain_backbone
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.runs.steps import run_pretraining
from skybind.runs.workshop import calibrate, encoder_features

HERE = Path(__file__).parent
FOLDS = 5
VALIDATION = 0.1
PROTOCOLS = ("random", "sky")


def benchmark_rows(dataset: Dataset) -> np.ndarray:
    """Galaxies by their spectrum whose redshift carries no warning."""
    galaxy = np.asarray(dataset.column("spectype")).astype(str) == "GALAXY"
    return np.flatnonzero(galaxy & (dataset.numbers("zwarning") == 0))


def fold_splits(dataset: Dataset, protocol: str) -> list[Split]:
    """Five splits, at random or by cells of the sky; a tenth of the training objects validates."""
    rows = benchmark_rows(dataset)
    if protocol == "random":
        parts = KFold(FOLDS, shuffle=True, random_state=0).split(rows)
    else:
        groups = sky_groups(dataset.numbers("ra")[rows], dataset.numbers("dec")[rows])
        parts = GroupKFold(FOLDS).split(rows, groups=groups)
    splits = []
    for number, (train, test) in enumerate(parts):
        drawn = np.random.default_rng(number).permutation(train)
        part = np.full(len(dataset), "", dtype="<U10")
        part[rows[drawn]] = "train"
        part[rows[drawn[: round(VALIDATION * len(train))]]] = "validation"
        part[rows[test]] = "test"
        splits.append(Split(dataset.object_ids, part, {}, {"kind": protocol, "fold": number}))
    return splits


def sdss_arrays(dataset: Dataset, cache: Path) -> dict[str, np.ndarray]:
    """Normalised spectra for PCA (two SDSS pixels a bin), and what line indices need."""
    options = {
        "wavelength_min": FIRST,
        "wavelength_step": 2e-4,
        "bins": 1900,
        "spacing": "log",
        "resample": "conserving",
        "normalise": "zscore",
        "channels": ["flux", "ivar"],
    }
    modality = Spectrum("spectrum", SpectrumOptions(**options), dataset.schema)
    prepared = prepare(dataset, modality, prepared_folder(cache, modality, dataset.fingerprint))
    ragged = dataset.ragged("spectrum")
    grid = 10 ** (np.log10(ragged.fields["wavelength"][:3850]).round(4))
    shape = (len(dataset), 3850)
    if not (ragged.lengths == shape[1]).all():
        raise SystemExit("The SDSS spectra are expected on one grid of 3,850 pixels.")
    return {
        "spectra": np.array(prepared.arrays["values"][:, 0]),
        "wavelength": grid,
        "flux": ragged.fields["flux"].astype(np.float64).reshape(shape),
        "good": ragged.fields["ivar"].reshape(shape) > 0,
    }


def index_features(arrays: dict[str, np.ndarray], redshift: np.ndarray) -> np.ndarray:
    """Line indices at given redshifts; widths through arcsinh, since they span decades."""
    found = line_indices(arrays["wavelength"], arrays["flux"], arrays["good"], redshift)
    return np.stack([v if k == "dn4000" else np.arcsinh(v) for k, v in found.items()], axis=1)


def random_features(dataset: Dataset, split: Split, cache: Path) -> np.ndarray:
    """Features of the same encoder with random weights, its norms fitted to real spectra."""
    modality = middle_spectrum(dataset)
    prepared = prepare(dataset, modality, prepared_folder(cache, modality, dataset.fingerprint))
    source = BatchSource({"spectrum": modality}, {"spectrum": prepared})
    torch.manual_seed(0)
    encoder = build_encoder("spender", modality.shape, **ENCODER)
    calibrate(encoder, source, "spectrum", split.rows("train"))
    return encoder_features(encoder, source, "spectrum", np.arange(len(dataset)))


def run_fold(
    dataset: Dataset,
    arrays: dict[str, np.ndarray],
    split: Split,
    folder: Path,
    cache: Path,
    recipe: Recipe,
    epochs: int,
) -> dict[str, Any]:
    """Train and probe everything on one fold; `result.json` in its folder says that it is done."""
    note = folder / "result.json"
    if note.exists():
        return dict(json.loads(note.read_text()))
    train = np.concatenate([split.rows("train"), split.rows("validation")])
    test = split.rows("test")
    targets = {
        "redshift": dataset.numbers("redshift"),
        "morphology": np.asarray(dataset.labels("label")).astype(str),
        "bpt": np.asarray(dataset.labels("bpt")).astype(str),
    }
    classes = {name: targets[name] for name in ("morphology", "bpt")}
    result: dict[str, Any] = pca_baselines(arrays["spectra"], targets, train, test)
    indices = filled(index_features(arrays, targets["redshift"]), train)
    result["line indices, catalogue redshift"] = probe(indices, classes, train, test, head=True)

    pretrain_by_shifts(dataset, split, folder / "shifts", cache, recipe)
    config = load_backbone_config(HERE / "galaxies-spectrum.yaml", [f"training.epochs={epochs}"])
    pretrain_backbone(config, dataset.path, folder / "autoencoder", split=split)
    features = {
        "random weights": random_features(dataset, split, cache),
        "autoencoder": spectrum_features(dataset, folder / "autoencoder" / "backbone", cache),
        "shifts": spectrum_features(dataset, folder / "shifts", cache),
    }
    features["autoencoder + shifts"] = np.hstack([features["autoencoder"], features["shifts"]])
    for name, values in features.items():
        result[name] = probe(values, targets, train, test, head=True)

    embeddings, found = bind(dataset, split, folder)
    result["retrieval"] = found
    present = embeddings.pop("present")
    for name, values in embeddings.items():
        kept = present if name != "bound spectrum" else np.ones(len(present), bool)
        rows = train[kept[train]], test[kept[test]]
        result[name] = probe(values, targets, *rows)
    colours = np.stack([dataset.numbers(n) for n in ("mag_r", "u_g", "g_r", "r_i", "i_z")], 1)
    result["magnitude and colours"] = probe(filled(colours, train), targets, train, test, head=True)
    write_json(note, result)
    return result


def bind(
    dataset: Dataset, split: Split, folder: Path
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Bind spectra, on the frozen backbone, with the catalogue row; embeddings and retrieval."""
    config = load_config(HERE / "galaxies-binding.yaml")
    entry = config.modalities["spectrum"]
    options = middle_spectrum(dataset).options.model_dump(mode="json")
    spectrum = ModalityConfig(
        kind="spectrum",
        preprocessing=options,
        backbone=ModalityBackbone(
            encoder={"name": "spender", **ENCODER}, weights=str(folder / "shifts"), views=2
        ),
        encoder=entry.encoder,
        projection=entry.projection,
    )
    modalities = {**config.modalities, "spectrum": spectrum}
    config = config.model_copy(update={"modalities": modalities})
    run = Run.start(config, dataset.path, folder / "bound", split=split)
    run_pretraining(run)
    made = run_embedding(run)
    test = split.rows("test")
    both = test[made.present["spectrum"][test] & made.present["metadata"][test]]
    found = {
        f"{a}->{b}": retrieval(made.vectors[a][both], made.vectors[b][both]).plain()
        for a, b in (("spectrum", "metadata"), ("metadata", "spectrum"))
    }
    embeddings = {
        "bound spectrum": made.vectors["spectrum"],
        "bound metadata": made.vectors["metadata"],
        "bound both": made.mean(),
        "present": made.present["metadata"],
    }
    return embeddings, found


def spectra(
    data: Path, out: Path, only: list[int] | None, protocols: list[str], quick: bool
) -> None:
    """Part (a): every fold of every protocol; the results go to OUT/spectra.json."""
    dataset = sdss_dataset(data, out)
    cache = out / "cache" / "prepared"
    arrays = sdss_arrays(dataset, cache)
    recipe, epochs = (Recipe(epochs=2), 2) if quick else (Recipe(), 8)
    for protocol in protocols:
        splits = fold_splits(dataset, protocol)
        for number, split in enumerate(splits):
            if only is not None and number not in only:
                continue
            folder = out / "spectra" / protocol / str(number)
            run_fold(dataset, arrays, split, folder, cache, recipe, epochs)
            print(f"{protocol}, fold {number}: done", flush=True)
    summary = {protocol: collect(out / "spectra" / protocol) for protocol in PROTOCOLS}
    write_json(out / "spectra.json", summary)
    for protocol in PROTOCOLS:
        print_spectra(protocol, summary[protocol])


def collect(folder: Path) -> dict[str, Any]:
    """Mean and standard deviation of every number over the folds that are done."""
    results = [json.loads(path.read_text()) for path in sorted(folder.glob("*/result.json"))]
    if not results:
        return {}
    return {"folds": len(results), **_mean(results)}


def _mean(values: list[Any]) -> Any:
    if isinstance(values[0], dict):
        return {key: _mean([value[key] for value in values]) for key in values[0]}
    return [float(np.mean(values)), float(np.std(values))]


def print_spectra(protocol: str, summary: dict[str, Any]) -> None:
    """Print the tables of part (a) for one protocol."""
    if not summary:
        return
    columns = (
        ("redshift", "knn_r2", 1), ("redshift", "linear_r2", 1), ("redshift", "head_r2", 1),
        ("morphology", "knn_accuracy", 100), ("morphology", "linear_accuracy", 100),
        ("morphology", "head_accuracy", 100), ("bpt", "knn_accuracy", 100),
        ("bpt", "linear_accuracy", 100), ("bpt", "head_accuracy", 100),
    )  # fmt: skip
    print(f"\n{protocol}: {summary['folds']} folds, mean ± standard deviation")
    print(
        f"{'features':<34}" + "".join(f"{t[:6] + ' ' + k.split('_')[0]:>15}" for t, k, _ in columns)
    )
    for name, scores in summary.items():
        if name in ("folds", "retrieval"):
            continue
        cells = []
        for target, key, factor in columns:
            mean, std = scores.get(target, {}).get(key, (np.nan, np.nan))
            digits = 3 if factor == 1 else 1
            text = f"{factor * mean:.{digits}f} ± {factor * std:.{digits}f}"
            cells.append(f"{'' if np.isnan(mean) else text:>15}")
        print(f"{name:<34}" + "".join(cells))
    for pair, found in summary["retrieval"].items():
        recall, rank = found["recall"], found["median_rank"]
        print(
            f"{pair}: recall@1 {recall['1'][0]:.3f}, @10 {recall['10'][0]:.3f} ± "
            f"{recall['10'][1]:.3f} (chance {found['chance_recall']['10'][0]:.3f}), median rank "
            f"{rank[0]:.1f} of {found['n'][0]:.0f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared galaxies")
    parser.add_argument("--out", type=Path, required=True, help="folder of all results")
    parser.add_argument("--parts", nargs="*", choices=("a", "b", "c"), default=["a", "b", "c"])
    parser.add_argument("--folds", type=int, nargs="*", help="only these folds of part (a)")
    parser.add_argument("--protocols", nargs="*", choices=PROTOCOLS, default=list(PROTOCOLS))
    parser.add_argument("--simulated", type=Path, help="a data set of skybind simulate galaxies")
    parser.add_argument("--quick", action="store_true", help="two epochs: does it all work?")
    arguments = parser.parse_args()
    data, out = arguments.data, arguments.out
    if "a" in arguments.parts:
        spectra(data, out, arguments.folds, arguments.protocols, arguments.quick)
    if "b" in arguments.parts:
        print_pairs(run_desi(data, out, arguments.simulated, arguments.quick))
    if "c" in arguments.parts:
        print_pairs(run_legacy(data, out))
        print_pairs(run_deep2(data, out, arguments.quick))


if __name__ == "__main__":
    main()
