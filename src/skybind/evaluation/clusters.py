"""Maps and clusters of a run: where objects lie, in which groups, and what sets these apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.config.evaluation import EvaluationConfig
from skybind.data.dataset import Dataset
from skybind.embeddings.store import Embeddings
from skybind.errors import ConfigError
from skybind.evaluation.records import Cluster, Groups, Islands, read_metrics, write_metrics
from skybind.evaluation.samples import GROUPED, MAPPED, SILHOUETTE, note
from skybind.evaluation.statistics import modality_sets
from skybind.evaluation.truth import planted_kinds
from skybind.files import atomic_path
from skybind.measures.clusters import (
    FITTED_UP_TO,
    SILHOUETTE_UP_TO,
    KMeansResult,
    distinctions,
    island_radius,
    islands,
    kmeans,
    match_truth,
)
from skybind.measures.maps import project_map
from skybind.parquet import read_parquet, write_parquet
from skybind.progress import say, step
from skybind.runs.alone import changes_run
from skybind.runs.embedding import run_embedding
from skybind.runs.measured import refuse_measuring
from skybind.runs.run import Run
from skybind.runs.steps import run_model

#: Clusters that are described one by one, the largest first.
DESCRIBED = 12


#: Text of more different values than this is a name, not a kind.
KINDS = 20


@dataclass
class Layout:
    """Some objects on a map of their embeddings.

    Attributes
    ----------
    modalities : tuple of str
        Whose embeddings were mapped; of several, combined as `evaluation.combined` says.
    rows : ndarray of int, shape (n,)
        The objects: places in the dataset.
    part : ndarray of str, shape (n,)
        `train` for those that the map was fitted on, `test` for those placed on it.
    position : ndarray of float32, shape (n, 2)
        Where they lie.
    island, group : ndarray of int, shape (n,)
        Cluster by DBSCAN on the map and by k-means in the full space; -1 for none.
    """

    modalities: tuple[str, ...]
    rows: np.ndarray
    part: np.ndarray
    position: np.ndarray
    island: np.ndarray
    group: np.ndarray


def wants_clusters(run: Run) -> bool:
    """Whether each modality is mapped and clusters are looked for."""
    wanted = run.config.evaluation.clusters
    if wanted is not None:
        return wanted
    has_images = any(modality.kind == "image" for modality in run.modalities.values())
    targets = run.config.evaluation.targets
    return has_images or bool(
        run.dataset.schema.with_role("target") if targets is None else targets
    )


@step("maps")
def map_run(run: Run, embeddings: Embeddings, every: bool) -> list[Layout]:
    """Map the combined embeddings, and each modality's (for clusters) if `every`.

    Fitted on training objects and applied to test objects, both sampled by the seed.
    """
    if run.config.evaluation.map == "none":
        return []
    sets = modality_sets(embeddings.modalities)
    layouts = [lay_out(run, embeddings, group) for group in (sets if every else sets[-1:])]
    return [layout for layout in layouts if layout is not None]


@step("finding clusters")
@changes_run
def cluster_again(
    run: Run, radius: float | None = None, min_samples: int | None = None
) -> list[Islands | Groups]:
    """Find the clusters of an evaluated run, with other options if given, and keep them.

    The options become the run's own, in `config.yaml` too. Each modality's map is made if the
    evaluation has made none.

    Parameters
    ----------
    run : Run
    radius : float, optional
        DBSCAN's radius; the configuration's by default.
    min_samples : int, optional
        DBSCAN's number of samples; the configuration's by default.

    Returns
    -------
    list of Islands and Groups
        The clusters that `metrics.json` now holds.

    Raises
    ------
    DataError
        If the run was not evaluated yet.
    ConfigError
        If the configuration makes no maps.
    """
    metrics = read_metrics(run.paths.metrics)
    if run.config.evaluation.map == "none":
        raise ConfigError("evaluation.map is none: clusters need maps, set it to umap.")
    given = {"island_radius": radius, "island_samples": min_samples}
    change = {"clusters": True, **{k: v for k, v in given.items() if v is not None}}
    refuse_measuring(run, run_model(run), run.rows("test"))
    embeddings = run_embedding(run)
    layouts = read_layouts(run.paths.maps)
    model, own = mapped_model(run.paths.maps), embeddings.model.get("weights")
    of_another = model is not None and model != own
    if of_another or len(layouts) < len(modality_sets(embeddings.modalities)):
        layouts, model = map_run(run, embeddings, every=True), own
    options = run.config.evaluation.model_copy(update=change)
    found = cluster_run(run, embeddings, layouts, options)
    run.change_evaluation(**change)
    write_layouts(run.paths.maps, layouts, run.dataset.object_ids, model)
    write_metrics(metrics.model_copy(update={"clusters": found}), run.paths.metrics)
    return found


@step("clusters")
def cluster_run(
    run: Run, embeddings: Embeddings, layouts: Sequence[Layout], options: EvaluationConfig
) -> list[Islands | Groups]:
    """Find and describe the clusters of every map; they are noted in the layouts.

    Parameters
    ----------
    run : Run
    embeddings : Embeddings
        Of all of the run's objects, in the dataset's order.
    layouts : sequence of Layout
        Their `island` and `group` are filled in.
    options : EvaluationConfig
        How islands and groups are found.

    Returns
    -------
    list of Islands and Groups
        One of each for each map.
    """
    records: list[Islands | Groups] = []
    for layout in layouts:
        columns = describing_columns(run.dataset, layout.rows)
        kinds = planted_kinds(run.dataset, layout.rows)
        radius = options.island_radius
        if radius is None:
            radius = island_radius(layout.position, options.island_samples)
        layout.island = islands(layout.position, radius, options.island_samples)
        found = _grouped(run, embeddings, layout, options)
        n = len(layout.rows)
        note(GROUPED, min(n, FITTED_UP_TO), n)
        note(SILHOUETTE, min(n, SILHOUETTE_UP_TO), n)
        layout.group = found.label
        told = {
            name: _common(run, layout, label, columns, kinds)
            for name, label in (("island", layout.island), ("group", layout.group))
        }
        samples = options.island_samples
        records.append(
            Islands(map=options.map, radius=radius, min_samples=samples, **told["island"])
        )
        records.append(Groups(k=found.k, silhouette=found.silhouette, **told["group"]))
    return records


def describing_columns(dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Flat columns of some objects that may set a cluster apart: numbers, and text of few kinds."""
    columns = {}
    for name in dataset.flat_columns:
        values = dataset.plotted(name, rows)
        if values.dtype.kind in "OUS" and not 1 < len(np.unique(values.astype(str))) <= KINDS:
            continue
        if values.dtype.kind in "OUSbiuf":
            columns[name] = values
    return columns


_COLUMNS = ("modalities", "object_id", "row", "part", "x", "y", "island", "group")


#: Key of the schema under which the hash of the model stands whose embeddings were mapped.
_MODEL = b"skybind-model"


def write_layouts(
    path: Path, layouts: Sequence[Layout], object_ids: np.ndarray, model: str | None
) -> None:
    """Write maps as one long table, a row an object and map.

    `model` is the hash of the model's weights (`weights` of its identity); None if unknown.
    """
    sizes = [len(layout.rows) for layout in layouts]
    names = pa.array(["+".join(layout.modalities) for layout in layouts], pa.string())
    index = pa.array(np.repeat(np.arange(len(layouts)), sizes), pa.int32())

    def column(name: str, empty: np.ndarray) -> np.ndarray:
        return np.concatenate([empty, *(getattr(layout, name) for layout in layouts)])

    rows = column("rows", np.zeros(0, np.int64))
    position = column("position", np.zeros((0, 2), np.float32))
    table = pa.table(
        {
            "modalities": pa.DictionaryArray.from_arrays(index, names),
            "object_id": pa.array(object_ids[rows].tolist(), pa.string()),
            "row": rows,
            "part": pa.array(column("part", np.zeros(0, str)).tolist(), pa.string()),
            "x": position[:, 0],
            "y": position[:, 1],
            "island": column("island", np.zeros(0, np.int64)),
            "group": column("group", np.zeros(0, np.int64)),
        }
    )
    if model is not None:
        table = table.replace_schema_metadata({_MODEL: model.encode()})
    with atomic_path(path) as temporary:
        write_parquet(table, temporary)


def mapped_model(path: Path) -> str | None:
    """Read the hash of the model whose embeddings were mapped; None if that is not known."""
    if not path.exists():
        return None
    model = (read_parquet(path, [], needs=_COLUMNS).schema.metadata or {}).get(_MODEL)
    return None if model is None else model.decode()


def read_layouts(path: Path) -> list[Layout]:
    """Read what `write_layouts` wrote; nothing if there is no such file."""
    if not path.exists():
        return []
    table = read_parquet(path, again="'skybind evaluate' makes it anew", needs=_COLUMNS)
    names = np.asarray(table["modalities"].to_pylist(), dtype=str)
    part = np.asarray(table["part"].to_pylist(), dtype=str)
    position = np.stack([table["x"].to_numpy(), table["y"].to_numpy()], axis=1)
    numbers = {name: table[name].to_numpy() for name in ("row", "island", "group")}
    layouts = []
    for name in dict.fromkeys(names.tolist()):
        of = names == name
        layouts.append(
            Layout(
                tuple(name.split("+")),
                numbers["row"][of],
                part[of],
                position[of],
                numbers["island"][of],
                numbers["group"][of],
            )
        )
    return layouts


def lay_out(run: Run, embeddings: Embeddings, group: tuple[str, ...]) -> Layout | None:
    """Fit a map on training objects and place test objects in it."""
    rng = np.random.default_rng(run.config.seed)
    vectors, seen = _combined(run, embeddings, group)
    rows = {}
    for part in ("train", "test"):
        members = embeddings.rows(part)
        members = members[seen[members]]
        size = min(len(members), run.config.evaluation.map_objects)
        rows[part] = np.sort(rng.choice(members, size, replace=False))
        note(MAPPED[part], size, len(members))
    if len(rows["train"]) < 10:
        return None
    made = project_map(
        vectors[rows["train"]],
        {"test": vectors[rows["test"]]} if len(rows["test"]) else {},
        method=run.config.evaluation.map,
        seed=run.config.seed,
    )
    both = np.concatenate([rows["train"], rows["test"]])
    return Layout(
        group,
        both,
        np.repeat(["train", "test"], [len(rows["train"]), len(rows["test"])]),
        np.concatenate([made.fitted, *made.others.values()]),
        np.full(len(both), -1),
        np.full(len(both), -1),
    )


def _combined(
    run: Run, embeddings: Embeddings, group: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of some modalities together, as the run's configuration combines them; who has one.

    The mean, (n, D), of any that an object has, or all side by side, (n, M D), of those that have
    all.
    """
    if len(group) == 1 or run.config.evaluation.combined == "mean":
        return embeddings.mean(group), embeddings.any_present(group)
    return (
        np.concatenate([embeddings.vectors[name] for name in group], axis=1),
        np.logical_and.reduce([embeddings.present[name] for name in group]),
    )


def _grouped(
    run: Run, embeddings: Embeddings, layout: Layout, options: EvaluationConfig
) -> KMeansResult:
    """Divide the objects of a map into groups: as many as the options say, or the silhouette."""
    vectors = _combined(run, embeddings, layout.modalities)[0][layout.rows]
    if options.groups is None:
        return kmeans(vectors, seed=run.config.seed)
    k = min(options.groups, len(vectors) // 2)
    if k < options.groups:
        say(
            f"{len(vectors)} objects of {' + '.join(layout.modalities)} are divided into {k} "
            f"groups, as they are too few for evaluation.groups = {options.groups}."
        )
    return kmeans(vectors, [k], seed=run.config.seed)


def _common(
    run: Run,
    layout: Layout,
    label: np.ndarray,
    columns: dict[str, np.ndarray],
    kinds: dict[str, np.ndarray],
) -> dict[str, Any]:
    """Give what is told of clusters however they were found."""
    return {
        "modalities": layout.modalities,
        "seed": run.config.seed,
        "n": len(label),
        "n_clusters": int(label.max(initial=-1)) + 1,
        "n_alone": int((label < 0).sum()),
        "clusters": _described(label, layout.rows, run.dataset, columns),
        "truth": match_truth(label, kinds),
    }


def _described(
    label: np.ndarray, rows: np.ndarray, dataset: Dataset, columns: dict[str, np.ndarray]
) -> list[Cluster]:
    """Size and distinctions of the largest clusters."""
    found = []
    for number in range(min(int(label.max(initial=-1)) + 1, DESCRIBED)):
        inside = label == number
        found.append(
            Cluster(
                cluster=number,
                size=int(inside.sum()),
                examples=[str(i) for i in dataset.object_ids[rows[inside][:5]]],
                columns=distinctions(inside, columns),
            )
        )
    return found
