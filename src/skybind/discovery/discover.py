"""Everything that the embeddings of a run tell by themselves: one call, one folder, one page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.config.written import plain_yaml
from skybind.data.placed import placed
from skybind.discovery.atlas import map_everything, write_atlas
from skybind.discovery.importance import decisions, importance_tables
from skybind.discovery.measures.label_doubt import labels_right
from skybind.discovery.measures.outliers import COMBINED
from skybind.discovery.notes import (
    DECISION_NOTES,
    LABEL_NOTES,
    OUTLIER_NOTES,
    PART_NOTES,
)
from skybind.discovery.outliers import best_detections, detection_scores, find_outliers
from skybind.discovery.records import (
    DISCOVER_VERSION,
    Decisions,
    DiscoverRecord,
    FlagCounts,
    MapSettings,
    ResolvedLabels,
)
from skybind.discovery.samples import discovery_samples
from skybind.discovery.scores import join_shards, score_shard
from skybind.discovery.structure import ClassStructure, class_structures, new_class_landings
from skybind.discovery.table import VOTABLE_ROWS, read_discovery, stamped
from skybind.discovery.undecided import resolve_labels
from skybind.embeddings.store import Embeddings
from skybind.errors import ConfigError
from skybind.evaluation.targets import targets_of
from skybind.files import json_hash
from skybind.once import NOTE, once
from skybind.progress import step
from skybind.record import plain, read_record, write_sealed
from skybind.runs.alone import changes_run
from skybind.runs.cases import finished_cases, widest_case
from skybind.runs.embedding import run_embedding
from skybind.runs.layout import DiscoverPaths
from skybind.runs.measured import refuse_measuring, refuse_measuring_case
from skybind.runs.run import Run
from skybind.runs.steps import run_model
from skybind.shards import Shard
from skybind.tables import Notes, legible, write_table
from skybind.words import nearest

#: What a step tells: some fields of `DiscoverRecord`.
Sections = dict[str, Any]


# Steps, in words.
TITLES = {
    "outliers": "outliers and suspected errors",
    "structure": "parts of the classes",
    "new_classes": "where new classes land",
    "labels": "objects of no class in use",
    "importance": "importance of the modalities",
    "map": "maps of everything",
}


@dataclass(frozen=True)
class DiscoverOptions:
    """What to look for.

    Attributes
    ----------
    classes : tuple of str
        Classes whose parts are looked for; empty: all.
    modalities : tuple of str
        Whose embeddings are divided; `all` is the mean of all.
    percentile : float
        Of the distances from a class's centroid, beyond which an object is flagged.
    permutations : int
        Permuted classes of the test for parts.
    map_method : str
        `umap` or `pca`.
    map_options : dict
        Passed to it.
    resolve : tuple of str
        Labels not in use whose objects get probabilities; empty: all of these.
    top : int
        Objects with a page of their own.
    """

    classes: tuple[str, ...] = ()
    modalities: tuple[str, ...] = (COMBINED,)
    percentile: float = 99.0
    permutations: int = 99
    map_method: str = "umap"
    map_options: dict[str, Any] = field(default_factory=dict)
    resolve: tuple[str, ...] = ()
    top: int = 20


@changes_run
def discover(
    run: Run, options: DiscoverOptions | None = None, *, page: bool = True
) -> DiscoverRecord:
    """Find outliers, suspected errors, parts of classes, where new classes land, and what matters.

    Everything is written into `RUN/discover/`, and `RUN/discover.html` shows it. A step that was
    done with the same embeddings and options is not done again. Where shards were begun
    (`discover_shard`) they are put together.

    Parameters
    ----------
    run : Run
        Pre-trained; fine-tuned if there are labels.
    options : DiscoverOptions, optional
    page : bool
        Whether to make the page.

    Returns
    -------
    DiscoverRecord
        The content of `RUN/discover/discover.json`.

    Raises
    ------
    ConfigError
        If a class or a modality is unknown.
    DataError
        If shards are missing, or of something else.
    """
    options = options or DiscoverOptions()
    _check(run, options)
    embeddings = _embeddings(run)
    join_shards(run, embeddings)
    steps, may_change = _Steps(run, embeddings), run.config.evaluation
    judged = [options.percentile, may_change.targets]
    found = steps.do("outliers", judged, partial(_outliers, percentile=options.percentile))
    structure = [options.classes, options.modalities, options.permutations]
    found |= steps.do("structure", structure, partial(_structure, options=options))
    found |= steps.do("new_classes", [], _new_classes)
    found |= steps.do("labels", [options.resolve, _cases(run)], partial(_labels, options=options))
    asked = [may_change.asked_objects, may_change.neighbours, may_change.targets]
    found |= steps.do("importance", [_cases(run), *asked], _importance)
    how = [options.map_method, options.map_options, may_change.map_objects]
    # the map carries the suspicion, so it follows the outliers
    found |= steps.do("map", [*how, *judged], partial(_map, options=options))
    result = DiscoverRecord(
        seed=run.config.seed,
        n_objects=len(embeddings),
        simulated=run.dataset.schema.simulated,
        classes=run.classes,
        modalities=embeddings.modalities,
        seconds=steps.seconds,
        samples=discovery_samples(run, embeddings, [part["n"] for part in found["structure"]]),
        **found,
    )
    write_sealed(run.paths.discover.record, result.plain())
    if page:
        _draw_page(run, embeddings, result, options.top)
    return result


def discover_shard(run: Run, shard: Shard) -> tuple[Path, int]:
    """Do the long part of `discover`, what the neighbours say of each object, for one shard.

    When all are there, `discover` puts them together and does the rest.

    Returns
    -------
    Path, int
        Where the shard is, and of how many objects.

    Raises
    ------
    AlreadyDone
        If all shards were put together.
    """
    return score_shard(run, _embeddings(run), shard)


def _embeddings(run: Run) -> Embeddings:
    """Give the embeddings of all objects, unless the run's models have seen test objects."""
    refuse_measuring(run, run_model(run), run.rows("test"))
    for case in finished_cases(run):
        refuse_measuring_case(run, run.paths.case(case.name).model, run.rows("test"))
    return run_embedding(run)


def _draw_page(run: Run, embeddings: Embeddings, result: DiscoverRecord, top: int) -> None:
    """Draw the page of discoveries, and the report again if there is one."""
    from skybind.discovery.page import write_discover_page
    from skybind.discovery.views import discover_data

    with step("drawing the page of discoveries"):
        write_discover_page(discover_data(run, embeddings, result, top), run.folder)
    if run.paths.report.exists():  # it names the new page
        from skybind.report.from_run import write_report

        write_report(run)


class _Steps:
    """Steps that are done once for the same embeddings and options."""

    def __init__(self, run: Run, embeddings: Embeddings) -> None:
        self.run, self.embeddings = run, embeddings
        status, labels = run.status, run.config.labels.model_dump(mode="json")
        self._origin = [
            DISCOVER_VERSION,
            run.dataset.fingerprint,
            status.split_hash,
            embeddings.model,
        ]
        self._labels = labels
        old = run.paths.discover.folder / "steps.json"
        if old.exists():  # of version 0.1: the notes of all steps in one file
            for name, note in read_record(
                old, dict[str, dict[str, Any]], f"delete {old.parent}"
            ).items():
                write_sealed(run.paths.discover.step(name) / NOTE, note)
            old.unlink()
        #: Wall time of every step, whenever it was done.
        self.seconds: dict[str, float] = {}

    def do(
        self,
        name: str,
        options: Sequence[Any],
        make: Callable[[Run, Embeddings, DiscoverPaths], Sections],
    ) -> dict[str, Any]:
        """Give what a step tells, as JSON has it: made now or read."""
        paths = self.run.paths.discover

        def timed() -> dict[str, Any]:
            with step(TITLES[name]) as work:
                record = make(self.run, self.embeddings, paths)
            return {"seconds": work.seconds, "record": plain(record)}

        key = json_hash([*self._origin, self._labels, options])
        done = once(paths.step(name), {"key": key}, timed)
        self.seconds[name] = done["seconds"]
        return dict(done["record"])


def _check(run: Run, options: DiscoverOptions) -> None:
    for name in options.classes:
        if name not in run.classes:
            raise ConfigError(f"There is no class '{name}': {nearest(name, run.classes)}")
    known = [COMBINED, *run.config.modalities]
    for name in options.modalities:
        if name not in known:
            raise ConfigError(f"There is no modality '{name}': {nearest(name, known)}")


def _cases(run: Run) -> list[str]:
    return [case.name for case in finished_cases(run)]


def _outliers(
    run: Run, embeddings: Embeddings, paths: DiscoverPaths, percentile: float
) -> Sections:
    table = find_outliers(run, embeddings, percentile=percentile)
    arrow = placed(table.to_arrow(), run.dataset, {**OUTLIER_NOTES, **_target_notes(run)})
    arrow = stamped(arrow, embeddings)
    for suffix in (".csv", ".parquet"):
        write_table(arrow, paths.outliers(suffix))
    write_table(legible(arrow.slice(0, VOTABLE_ROWS)), paths.outliers(".vot"))
    records = detection_scores(run, embeddings, table)
    write_sealed(paths.detections, plain({"detections": records}))
    kinds = {name: int(flags.sum()) for name, flags in table.flags().items()}
    return {
        "outliers": FlagCounts(
            percentile=percentile,
            n_scored=len(arrow),
            flagged=kinds,
            labels_right=None if table.doubt is None else labels_right(table.doubt),
        ),
        "detection": best_detections(records),
    }


def _target_notes(run: Run) -> dict[str, Notes]:
    """Units and descriptions of what is told of the numbers of the catalogue."""
    notes: dict[str, Notes] = {}
    for target in targets_of(run.dataset, run.config.evaluation.targets):
        name, unit = target.name, target.unit
        notes[f"{name}_expected"] = (unit, f"Median of the neighbours' {name}")
        notes[f"{name}_spread"] = (unit, "Standard deviation expected of the difference")
        notes[f"{name}_doubt"] = (None, f"How far {name} lies from the expected one, in spreads")
    return notes


def _structure(
    run: Run, embeddings: Embeddings, paths: DiscoverPaths, options: DiscoverOptions
) -> Sections:
    found = class_structures(
        run,
        embeddings,
        modalities=options.modalities,
        permutations=options.permutations,
        classes=options.classes,
    )
    parts = placed(_parts(run, found), run.dataset, PART_NOTES)
    write_table(stamped(parts, embeddings), paths.parts)
    records = [structure.record for structure in found]
    write_sealed(paths.structure, plain({"structure": records}))
    return {"structure": records}


def _parts(run: Run, found: Sequence[ClassStructure]) -> pa.Table:
    """Every object with the part of its class, one row an object and modality."""
    rows = np.concatenate([np.zeros(0, np.int64), *(s.rows for s in found)])
    return pa.table(
        {
            "object_id": pa.array(run.dataset.object_ids[rows].tolist(), pa.string()),
            "row": rows,
            "class": pa.array([s.name for s in found for _ in s.rows], pa.string()),
            "modality": pa.array([s.modality for s in found for _ in s.rows], pa.string()),
            "part": np.concatenate([np.zeros(0, np.int64), *(s.parts.label for s in found)]),
        }
    )


def _new_classes(run: Run, embeddings: Embeddings, paths: DiscoverPaths) -> Sections:
    records = new_class_landings(run, embeddings)
    write_sealed(paths.new_classes, plain({"new_classes": records}))
    return {"new_classes": records}


def _labels(
    run: Run, embeddings: Embeddings, paths: DiscoverPaths, options: DiscoverOptions
) -> Sections:
    for ending in (".parquet", ".csv"):
        paths.labels(ending).unlink(missing_ok=True)
    unlabelled = (run.labels < 0) & embeddings.any_present()
    if not run.classes or not unlabelled.any():
        return {"labels": None}
    table = resolve_labels(run, embeddings, options.resolve)
    table = stamped(placed(table, run.dataset, LABEL_NOTES), embeddings)
    for ending in (".parquet", ".csv"):
        write_table(table, paths.labels(ending))
    sure = np.asarray(table["probability"]) > 0.5
    names, counts = np.unique(np.asarray(table["suggested"].to_pylist())[sure], return_counts=True)
    return {
        "labels": ResolvedLabels(
            resolved=sorted({name for name in table["label"].to_pylist() if name}),
            n=len(table),
            n_sure=int(sure.sum()),
            suggested=dict(zip(names.tolist(), counts.tolist(), strict=True)),
        )
    }


def _importance(run: Run, embeddings: Embeddings, paths: DiscoverPaths) -> Sections:
    case = widest_case(finished_cases(run))
    tables = importance_tables(run, embeddings, case)
    carried: Decisions | None = None
    if case is not None:
        table, records = decisions(run, case, run.rows("test"))
        table = placed(table, run.dataset, DECISION_NOTES)
        write_table(stamped(table, embeddings), paths.decisions)
        carried = Decisions(case=case.name, n=len(table), classes=records)
    told: Sections = {"importance": tables, "decisions": carried}
    write_sealed(paths.importance, plain(told))
    return told


def _map(
    run: Run, embeddings: Embeddings, paths: DiscoverPaths, options: DiscoverOptions
) -> Sections:
    outliers = read_discovery(paths.outliers())
    maps = map_everything(run, embeddings, options.map_method, options.map_options)
    write_atlas(run, embeddings, maps, outliers, paths)
    return {
        "map": MapSettings(
            method=options.map_method,
            options=dict(options.map_options),
            modalities=list(maps),
        )
    }


def read_map_options(pairs: Mapping[str, str]) -> dict[str, Any]:
    """Read options of the map as the command line gives them: numbers where they are numbers."""
    return {key: plain_yaml(value) for key, value in pairs.items()}
