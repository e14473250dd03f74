"""What a run's embeddings tell: predicted numbers and clusters."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import Quiet, RunFolder

app = typer.Typer()


@app.command()
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
    quiet: Quiet = False,
) -> None:
    """Predict a number for any objects by the run's training objects nearest in the embedding.

    The training objects themselves get none.

    Example: skybind predict run/ --target redshift --data new/ --fit spectrum --from image
    --out z.parquet
    """
    from skybind.studies.regression import predict_anything
    from skybind.studies.run import Run

    opened = Run.open(folder, show=not quiet)
    names = fit.split("+") if fit else None
    others = predict_from.split("+") if predict_from else names
    n, known = predict_anything(opened, target, out, data=data, fit=names, predict=others)
    typer.echo(f"{known} of {n} objects have a predicted {target} in {out}.")


@app.command()
def clusters(
    folder: RunFolder,
    radius: Annotated[
        float | None, typer.Option("--radius", help="DBSCAN's radius on the map.", min=0.0)
    ] = None,
    samples: Annotated[
        int | None, typer.Option("--samples", help="Neighbours that make an island grow.", min=1)
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Find islands on the maps of an evaluated run and groups in its embeddings, and list them.

    Writes them to RUN/metrics.json and RUN/maps.parquet; 'skybind report' then shows them.
    """
    from rich.console import Console

    from skybind.studies.clusters import cluster_again
    from skybind.studies.run import Run
    from skybind.studies.summary import render_clusters

    opened = Run.open(folder, show=not quiet)
    Console().print(render_clusters(cluster_again(opened, radius, samples)))
