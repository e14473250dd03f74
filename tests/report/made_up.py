"""A made-up run: known numbers in all the places of metrics.json."""

import numpy as np

from skybind.drawing.observed import ExampleObject, LightCurve, MapPanel, Spectrum
from skybind.evaluation.records import Metrics
from skybind.measures.classification import classification_metrics
from skybind.measures.importance import all_combinations, modality_table
from skybind.report.data import ReportData

CLASSES = ["DSCT", "EA", "EB", "EW", "HADS", "M", "ROT", "RRAB", "RRC", "SR"]
SHARES = np.array([0.012, 0.136, 0.092, 0.288, 0.013, 0.013, 0.086, 0.110, 0.037, 0.213])
MODALITIES = ["photometry", "spectrum", "metadata"]
SKILL = {"photometry": 0.86, "spectrum": 0.74, "metadata": 0.82}


def predicted(rng, truth, skill):
    """Right with a probability of `skill`, else one of the next classes."""
    wrong = (truth + rng.integers(1, 3, len(truth))) % len(CLASSES)
    return np.where(rng.random(len(truth)) < skill, truth, wrong)


def skill_of(modalities, subset, pretrained):
    best = 1 - np.prod([1 - SKILL[m] for m in modalities]) ** 0.8
    lost = {"full": 0, "50": 0.02, "25": 0.06, "10": 0.13}[subset]
    return float(np.clip(best - lost * (0.4 if pretrained else 1), 0, 0.985))


def classification(rng, seeds):
    entries = []
    for modalities in [["photometry"], ["spectrum"], ["metadata"], MODALITIES]:
        for subset, share in {"full": 1, "50": 0.5, "25": 0.25, "10": 0.1}.items():
            for pretrained in (False, True):
                for seed in seeds:
                    truth = rng.choice(10, 1200, p=SHARES)
                    guess = predicted(rng, truth, skill_of(modalities, subset, pretrained))
                    entries.append(
                        {
                            "modalities": modalities,
                            "subset": subset,
                            "pretrained": pretrained,
                            "frozen": False,
                            "seed": seed,
                            "n_train": int(9600 * share),
                            **classification_metrics(truth, guess, CLASSES).plain(),
                        }
                    )
    return entries


def history(rng, epochs=24):
    pairs = {"photometry-spectrum": 4.6, "spectrum-metadata": 3.2, "photometry-metadata": 3.9}
    entries = []
    for epoch in range(1, epochs + 1):
        losses = {}
        for split, floor in (("train", 0.0), ("validation", 0.6)):
            each = {
                pair: 12.4 - (12.4 - low - floor) * (1 - np.exp(-epoch / 5)) + rng.normal(0, 0.05)
                for pair, low in pairs.items()
            }
            losses[split] = {"loss": sum(each.values()), "pairs": each}
        entries.append({"epoch": epoch, **losses, "learning_rate": 1e-3})
    return entries


def retrieval():
    entries = []
    for i, query in enumerate(MODALITIES):
        for j, target in enumerate(MODALITIES):
            if i != j:
                recall = {"1": 0.031 * (i + j), "5": 0.107 * (i + j), "10": 0.171 * (i + j)}
                entries.append(
                    {
                        "query": query,
                        "target": target,
                        "n": 1200,
                        "recall": recall,
                        "recall_error": {k: (p * (1 - p) / 1200) ** 0.5 for k, p in recall.items()},
                        "chance_recall": {"1": 1 / 1200, "5": 5 / 1200, "10": 10 / 1200},
                        "median_rank": 61.0 - 13 * (i + j),
                        "chance_median_rank": 600.5,
                    }
                )
    return entries


def importance(rng):
    truth = rng.choice(10, 1200, p=SHARES)
    predictions = {
        names: predicted(rng, truth, skill_of(names, "full", True))
        for names in all_combinations(MODALITIES)
    }
    return modality_table(predictions, truth, CLASSES).plain()


def make_metrics(seeds=(42,)):
    """Numbers as metrics.json has them."""
    rng = np.random.default_rng(7)
    knn = classification_metrics(*(rng.integers(0, 10, (2, 1200))), CLASSES).plain()
    forest = {**knn, "accuracy": 0.8437, "balanced_accuracy": 0.7218, "accuracy_error": 0.0105}
    return {
        "metrics_version": 1,
        "title": "Variable stars, stars-small",
        "created": "2026-11-21T20:14:05+00:00",
        "command": "skybind run stars-small --data stars --out run",
        "classes": CLASSES,
        "dataset": {
            "name": "stars",
            "fingerprint": "0f3a9b7c2d5e8f16",
            "provenance": "Simulated survey of variable stars, 12,000 objects, seed 1.",
            "simulated": True,
            "n_objects": 12000,
            "modalities": {"photometry": 11408, "spectrum": 10877, "metadata": 11990},
            "overlaps": [
                {"modalities": MODALITIES, "n": 10291},
                {"modalities": ["photometry", "metadata"], "n": 1107},
                {"modalities": ["spectrum", "metadata"], "n": 586},
                {"modalities": [], "n": 16},
            ],
            "class_counts": dict(zip(CLASSES, (SHARES * 12000).astype(int).tolist(), strict=True)),
            "quarantine": [
                {"modality": "photometry", "reason": "fewer than 10 epochs", "n": 83},
                {"modality": "spectrum", "reason": "no pixel with a finite flux", "n": 9},
            ],
        },
        "split": {
            "name": "random-42",
            "method": "stratified",
            "hash": "b81c33aa90f7",
            "seed": 42,
            "counts": {"train": 9600, "validation": 1200, "test": 1200},
            "subsets": {"50": 4803, "25": 2398, "10": 961},
        },
        "pretraining": {
            "history": history(rng),
            "best_epoch": 21,
            "batch_size": 512,
            "n_parameters": 15871237,
            "machine": {"system": "Linux", "processor": "EPYC 7763", "cores": 64, "threads": 16},
            "pairs": {
                "photometry-spectrum": {"n_train": 8233, "n_validation": 1029},
                "spectrum-metadata": {"n_train": 8695, "n_validation": 1087},
                "photometry-metadata": {"n_train": 9119, "n_validation": 1140},
            },
        },
        "classification": classification(rng, seeds),
        "importance": importance(rng),
        "retrieval": retrieval(),
        "knn": [{"modalities": MODALITIES, "k": 16, "n_train": 9600, **knn}],
        "baseline": [
            {
                "name": "random forest",
                "modalities": ["photometry"],
                "subset": "full",
                "n_train": 9600,
                **forest,
            },
            {
                "name": "random forest",
                "modalities": MODALITIES,
                "subset": "10",
                "n_train": 961,
                **forest,
                "accuracy": 0.871,
            },
        ],
        "timing": {
            "pretrain": 93.0,
            "fine-tuning a": 61.2,
            "fine-tuning b": 58.9,
            "embed": 12.4,
            "all": 3725.0,
        },
        "versions": {"skybind": "0.1.0", "torch": "2.13.0", "numpy": "2.4.1"},
        "machine": {"system": "Linux", "processor": "A64FX", "cores": 48, "threads": 2},
    }


def make_maps(rng):
    centres = rng.normal(size=(10, 2)) * 6
    panels = []
    for split, n in (("train", 3000), ("test", 1200)):
        code = rng.choice(10, n, p=SHARES)
        code[:20] = -1
        panels.append(MapPanel(split, centres[code] + rng.normal(size=(n, 2)), code))
    return panels


def light_curve(rng, shape, period, n=220):
    time = np.sort(2457000 + rng.uniform(300, 1800, n))
    phase = np.mod(time / period, 1)
    error = np.full(n, 0.25)
    return LightCurve(
        time, 12 * shape(phase) + rng.normal(0, 0.25, n), error, period, value_unit="mJy"
    )


def spectrum(rng, temperature):
    wavelength = np.arange(3850.0, 9000, 2)
    x = 1.4388e8 / (wavelength * temperature)
    flux = 1 / (wavelength**5 * np.expm1(x))
    flux /= flux.max()
    for line in (4341.69, 4862.69, 6564.61):
        flux *= 1 - 0.4 * np.exp(-0.5 * ((wavelength - line) / 8) ** 2)
    flux += rng.normal(0, 0.02, len(wavelength))
    flux[500:520] = np.nan
    return Spectrum(wavelength, flux)


def make_examples(rng):
    def saw(phase):
        return 1 + 0.4 * np.where(phase < 0.15, phase / 0.15, (1 - phase) / 0.85)

    def eclipse(phase):
        deep = 0.45 * np.exp(-0.5 * (np.minimum(phase, 1 - phase) / 0.03) ** 2)
        return 1 - deep - 0.2 * np.exp(-0.5 * ((phase - 0.5) / 0.03) ** 2)

    return [
        ExampleObject(
            "J0712+1123", "test", "RRAB", "RRAB", light_curve(rng, saw, 0.5512), spectrum(rng, 6800)
        ),
        ExampleObject(
            "J1933-0042", "test", "EA", "EB", light_curve(rng, eclipse, 3.2177), spectrum(rng, 9100)
        ),
        ExampleObject("J2010+5501", "test", "SR", "SR", None, spectrum(rng, 3300)),
        ExampleObject("J0001+0001", "test", "EA", None, light_curve(rng, eclipse, 1.8), None),
    ]


def make_run():
    rng = np.random.default_rng(11)
    return ReportData(
        Metrics.model_validate(make_metrics()),
        "extends: stars-small\ntraining:\n  epochs: 24\n",
        make_maps(rng),
        "umap",
        tuple(MODALITIES),
        make_examples(rng),
    )


def changed(run, **sections):
    """Give other values to fields of the run's metrics, as JSON has them."""
    run.metrics = Metrics.model_validate({**run.metrics.plain(), **sections})
