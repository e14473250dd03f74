"""Simulated surveys."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import Commands, echo

app = Commands(help="Simulate surveys with known truth.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new dataset.")]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same survey.")]
Missing = Annotated[
    float,
    typer.Option("--missing", help="Fraction of each modality left unobserved.", min=0, max=0.66),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a dataset there.")]


@app.command("stars")
def simulate_stars(
    folder: Folder,
    objects: Annotated[
        int, typer.Option("--objects", "-n", help="Stars to simulate.", min=1)
    ] = 10000,
    seed: Seed = 0,
    missing: Missing = 0.0,
    overwrite: Overwrite = False,
) -> None:
    """Simulate a survey of variable stars: light curve, spectrum and catalogue row of each."""
    from skybind.simulate.write import write_stars

    write_stars(folder, objects, seed=seed, missing=missing, overwrite=overwrite)
    echo(f"{objects} stars are in {folder}; what was planted is in {folder / 'truth.parquet'}.")


@app.command("galaxies")
def simulate_galaxies(
    folder: Folder,
    objects: Annotated[
        int, typer.Option("--objects", "-n", help="Galaxies to simulate.", min=1)
    ] = 3000,
    seed: Seed = 0,
    missing: Missing = 0.0,
    processes: Annotated[
        int, typer.Option("--processes", help="Processes that simulate side by side.", min=1)
    ] = 1,
    overwrite: Overwrite = False,
) -> None:
    """Simulate a survey of galaxies: grz image, spectrum and catalogue row of each."""
    from skybind.simulate.write import write_galaxies

    write_galaxies(
        folder, objects, seed=seed, missing=missing, overwrite=overwrite,
        processes=processes,
    )  # fmt: skip
    echo(f"{objects} galaxies are in {folder}; what was planted is in {folder / 'truth.parquet'}.")
