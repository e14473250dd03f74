"""What a run's embeddings tell: predicted numbers and clusters."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import (
    AllowTwins,
    Commands,
    RunFolder,
    ShardOf,
    echo,
    echo_shard,
    open_to_measure,
    print_rich,
    read_pairs,
    read_shard,
)

app = Commands()


@app.command(memory=True, files=True)
def predict(
    folder: RunFolder,
    target: Annotated[
        str, typer.Option("--target", "-t", help="Column to predict, such as redshift.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Table to write (.parquet).")],
    data: Annotated[
        Path | None,
        typer.Option("--data", "-d", help="Objects to predict for; the run's own by default."),
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option("--fit", help="Modalities the neighbours are known by, joined by '+'."),
    ] = None,
    predict_from: Annotated[
        str | None,
        typer.Option("--from", help="Modalities to predict from; those of --fit by default."),
    ] = None,
    allow_twins: AllowTwins = False,
    shard: ShardOf = None,
) -> None:
    """Predict a number for any objects by the run's training objects nearest in the embedding.

    The training objects themselves get none, under any name.

    Example: skybind predict run/ --target redshift --data new/ --fit spectrum --from image
    --out z.parquet
    """
    from skybind.evaluation.predict import predict_anything
    from skybind.runs.run import Run

    opened = Run.open(folder)
    names = fit.split("+") if fit else None
    others = predict_from.split("+") if predict_from else names
    found = predict_anything(
        opened,
        target,
        out,
        data=data,
        fit=names,
        predict=others,
        allow_twins=allow_twins,
        shard=read_shard(shard),
    )
    echo(f"{found.known} of {found.n} objects have a predicted {target} in {found.out}.")
    for note in found.notes:
        echo(note)
    if found.taught:
        echo(f"{found.taught} have the name of a training object of the run: they get none.")
    echo_shard(shard, found.out.parent)


@app.command(memory=True)
def clusters(
    folder: RunFolder,
    radius: Annotated[
        float | None, typer.Option("--radius", help="DBSCAN's radius on the map.", min=0.0)
    ] = None,
    samples: Annotated[
        int | None, typer.Option("--samples", help="Neighbours that make an island grow.", min=1)
    ] = None,
) -> None:
    """Find islands on the maps of an evaluated run and groups in its embeddings, and list them.

    Writes them to RUN/metrics.json and RUN/maps.parquet; 'skybind report' then shows them.
    """
    from skybind.cli.summary import render_clusters
    from skybind.evaluation.clusters import cluster_again
    from skybind.runs.run import Run

    opened = Run.open(folder)
    print_rich(render_clusters(cluster_again(opened, radius, samples)))


@app.command(memory=True)
def discover(
    folder: RunFolder,
    data: Annotated[
        Path | None, typer.Option("--data", "-d", help="The run's dataset, if it was moved.")
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", help="Divide only this class; may be repeated."),
    ] = None,
    modalities: Annotated[
        list[str] | None,
        typer.Option("--modality", "-m", help="Divide in this modality's embeddings, or 'all'."),
    ] = None,
    percentile: Annotated[
        float, typer.Option("--percentile", help="Of the distances from a class's centroid.")
    ] = 99.0,
    permutations: Annotated[
        int, typer.Option("--permutations", help="Permuted classes of the test.", min=1)
    ] = 99,
    top: Annotated[int, typer.Option("--top", help="Objects with a page.", min=0)] = 20,
    resolve: Annotated[
        list[str] | None,
        typer.Option("--resolve", help="Resolve this label into the known classes, such as E."),
    ] = None,
    map_method: Annotated[str, typer.Option("--map", help="umap or pca.")] = "umap",
    map_options: Annotated[
        list[str] | None,
        typer.Option(
            "--map-option", metavar="KEY=VALUE", help="Passed to the map: n_neighbors=30, ..."
        ),
    ] = None,
    allow_twins: AllowTwins = False,
    shard: ShardOf = None,
) -> None:
    """Find outliers, suspected errors, parts of classes, new classes, and what matters.

    Everything is in RUN/discover/; RUN/discover.html shows it. Steps that are done are kept. A
    shard is of the long part alone, what the neighbours say of each object; the command without
    --shard does all the rest.

    Example: skybind discover run/ --class M --class ROT --map-option n_neighbors=30
    """
    from skybind.discovery.discover import (
        DiscoverOptions,
        discover,
        discover_shard,
        read_map_options,
    )

    part = read_shard(shard)
    if part is not None:
        place, n = discover_shard(open_to_measure(folder, allow_twins, data), part)
        echo(f"{n} objects were compared with their neighbours.")
        echo_shard(shard, place)
        return
    options = DiscoverOptions(
        classes=tuple(classes or ()),
        modalities=tuple(modalities or ("all",)),
        percentile=percentile,
        permutations=permutations,
        map_method=map_method,
        map_options=read_map_options(read_pairs(map_options or [], "--map-option")),
        resolve=tuple(resolve or ()),
        top=top,
    )
    opened = open_to_measure(folder, allow_twins, data)
    discover(opened, options)
    paths = opened.paths
    echo(
        f"The page is {paths.discover_page}; tables are in {paths.discover.folder}, every number "
        f"in {paths.discover.record}."
    )
