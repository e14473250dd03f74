"""From a run's folder to its report."""

import re
from pathlib import Path

import numpy as np

from skybind.data.dataset import Dataset
from skybind.embeddings.store import Embeddings
from skybind.modalities.cleaning import clean_photometry, clean_spectrum, error_values
from skybind.ragged import Ragged
from skybind.report.build import build_report
from skybind.report.data import (
    ExampleObject,
    LightCurve,
    MapPanel,
    ReportData,
    Spectrum,
    read_metrics,
)
from skybind.studies.cases import Case, finished_cases
from skybind.studies.evaluation import predict_case, widest_case
from skybind.studies.run import Run
from skybind.tasks.maps import project_map


def write_report(run: Run) -> Path:
    """Write `report.html` of an evaluated run; gives its path.

    Raises
    ------
    DataError
        If the run was not evaluated yet.
    """
    metrics = read_metrics(run.folder / "metrics.json")
    embeddings = Embeddings.read(run.folder / "embeddings")
    options = run.config.evaluation
    panels = _map_panels(run, embeddings) if options.map != "none" else []
    data = ReportData(
        metrics=metrics,
        config=(run.folder / "config.yaml").read_text(encoding="utf-8"),
        map_panels=panels,
        map_method=options.map,
        map_modalities=tuple(embeddings.modalities),
        examples=_examples(run),
    )
    target = run.folder / "report.html"
    build_report(data, target)
    return target


def _map_panels(run: Run, embeddings: Embeddings) -> list[MapPanel]:
    """Fit the map on training objects, place test objects in it (both sampled by the seed)."""
    rng = np.random.default_rng(run.config.seed)
    seen = embeddings.any_present()
    rows = {}
    for part in ("train", "test"):
        members = embeddings.rows(part)
        members = members[seen[members]]
        size = min(len(members), run.config.evaluation.map_objects)
        rows[part] = np.sort(rng.choice(members, size, replace=False))
    if len(rows["train"]) < 10:
        return []
    vectors = embeddings.combined()
    made = project_map(
        vectors[rows["train"]],
        {"test": vectors[rows["test"]]} if len(rows["test"]) else {},
        method=run.config.evaluation.map,
        seed=run.config.seed,
    )
    positions = {"train": made.fitted, **made.others}
    return [
        MapPanel(part, position, run.labels[rows[part]]) for part, position in positions.items()
    ]


def _examples(run: Run) -> list[ExampleObject]:
    """Choose test objects, one a class as far as they go, observed in as much as possible."""
    rows = run.rows("test")
    n = min(run.config.evaluation.examples, len(rows))
    if not n:
        return []
    observed = np.sum([run.source.present(name)[rows] for name in run.source.modalities], axis=0)
    rng = np.random.default_rng(run.config.seed)
    order = np.lexsort((rng.random(len(rows)), -observed))
    rank_in_class = np.zeros(len(rows), int)
    counts: dict[int, int] = {}
    for place in order:
        label = int(run.labels[rows[place]])
        rank_in_class[place] = counts.get(label, 0)
        counts[label] = rank_in_class[place] + 1
    chosen = rows[order[np.argsort(rank_in_class[order], kind="stable")[:n]]]
    predicted = _predicted(run, chosen)
    return [_example(run, int(row), name) for row, name in zip(chosen, predicted, strict=True)]


def _predicted(run: Run, rows: np.ndarray) -> list[str | None]:
    case: Case | None = widest_case(finished_cases(run))
    if case is None:
        return [None] * len(rows)
    logits, classes = predict_case(run, case, rows)
    known = np.isfinite(logits).all(axis=1)
    best = np.nan_to_num(logits).argmax(axis=1)
    return [classes[i] if ok else None for i, ok in zip(best, known, strict=True)]


def _example(run: Run, row: int, predicted: str | None) -> ExampleObject:
    dataset = run.dataset
    return ExampleObject(
        object_id=str(dataset.object_ids[row]),
        split="test",
        true_class=str(run.class_names[row]) or None,
        predicted_class=predicted,
        light_curve=_light_curve(dataset, row),
        spectrum=_spectrum(dataset, row),
    )


def _light_curve(dataset: Dataset, row: int) -> LightCurve | None:
    name = _first(dataset, "photometry")
    if name is None:
        return None
    cleaned = clean_photometry(dataset.ragged(name, np.array([row]))).ragged
    if not cleaned.present[0]:
        return None
    value = "flux" if "flux" in cleaned.fields else "magnitude"
    units = dataset.schema.columns[name].fields
    period = None
    if "period" in dataset.schema.columns:
        stored = float(dataset.column("period", np.array([row]))[0])
        period = stored if np.isfinite(stored) and stored > 0 else None
    return LightCurve(
        time=cleaned.fields["time"],
        value=cleaned.fields[value],
        error=error_values(cleaned),
        period=period,
        value_name=value.capitalize(),
        value_unit=units.get(value) or "",
        time_unit=units.get("time") or "d",
        band=_bands(cleaned),
    )


def _bands(curve: Ragged) -> np.ndarray | None:
    """Band of each epoch as text, "" where it is not known."""
    if "band" not in curve.fields:
        return None
    return np.asarray([str(b) if b is not None else "" for b in curve.fields["band"].tolist()])


def _spectrum(dataset: Dataset, row: int) -> Spectrum | None:
    name = _first(dataset, "spectrum")
    if name is None:
        return None
    cleaned = clean_spectrum(dataset.ragged(name, np.array([row]))).ragged
    if not cleaned.present[0]:
        return None
    column = dataset.schema.columns[name]
    flux = np.where(cleaned.fields["mask"], np.nan, cleaned.fields["flux"].astype(float))
    return Spectrum(
        wavelength=cleaned.fields["wavelength"],
        flux=flux,
        flux_unit=column.fields.get("flux") or "arbitrary units",
        vacuum=re.search(r"\bair\b", column.description.lower()) is None,
    )


def _first(dataset: Dataset, kind: str) -> str | None:
    """Name of the first observation column of a kind."""
    for name in dataset.schema.observations:
        if kind in (name, dataset.schema.columns[name].modality):
            return name
    return None
