"""Simulated surveys."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import Quiet

app = typer.Typer(help="Simulate surveys with known truth.", no_args_is_help=True)


@app.command("stars")
def simulate_stars(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new dataset.")],
    objects: Annotated[
        int, typer.Option("--objects", "-n", help="Stars to simulate.", min=1)
    ] = 10000,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same survey.")] = 0,
    missing: Annotated[
        float,
        typer.Option(
            "--missing", help="Fraction of each modality left unobserved.", min=0, max=0.66
        ),
    ] = 0.0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a dataset there.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Simulate a survey of variable stars: light curve, spectrum and catalogue row of each."""
    from skybind.data.simulate.write import write_stars

    write_stars(folder, objects, seed=seed, missing=missing, overwrite=overwrite, show=not quiet)
    typer.echo(
        f"{objects} stars are in {folder}; what was planted is in {folder / 'truth.parquet'}."
    )


@app.command("galaxies")
def simulate_galaxies(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new dataset.")],
    objects: Annotated[
        int, typer.Option("--objects", "-n", help="Galaxies to simulate.", min=1)
    ] = 3000,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same survey.")] = 0,
    missing: Annotated[
        float,
        typer.Option(
            "--missing", help="Fraction of each modality left unobserved.", min=0, max=0.66
        ),
    ] = 0.0,
    processes: Annotated[
        int, typer.Option("--processes", help="Processes that simulate side by side.", min=1)
    ] = 1,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a dataset there.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Simulate a survey of galaxies: grz image, spectrum and catalogue row of each."""
    from skybind.data.simulate.write import write_galaxies

    write_galaxies(
        folder, objects, seed=seed, missing=missing, overwrite=overwrite, show=not quiet,
        processes=processes,
    )  # fmt: skip
    typer.echo(
        f"{objects} galaxies are in {folder}; what was planted is in {folder / 'truth.parquet'}."
    )
