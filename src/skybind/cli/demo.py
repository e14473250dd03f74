"""Demonstrations."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import Commands, echo, print_summary

app = Commands(help="The whole job on simulated data, on a laptop.", no_args_is_help=True)

DemoSeed = Annotated[int, typer.Option("--seed", help="Of survey, split and training.")]
Folder = Annotated[Path, typer.Option("--out", "-o", help="Folder to work in.")]


@app.command("stars")
def demo_stars(
    out: Folder = Path("demo-stars"),
    objects: Annotated[
        int, typer.Option("--objects", "-n", help="Stars to simulate.", min=300)
    ] = 3000,
    seed: DemoSeed = 42,
) -> None:
    """Simulate variable stars, bind light curves, spectra and catalogue rows, report and discover.

    A few minutes on two cores. Interrupted, the same command goes on. skybind explore shows the run
    in a browser.
    """
    from skybind.study import demo_stars as demonstrate

    print_summary(demonstrate(out, n_objects=objects, seed=seed), out / "run")
    _echo_next(out / "run")


@app.command("galaxies")
def demo_galaxies(
    out: Folder = Path("demo-galaxies"),
    objects: Annotated[
        int, typer.Option("--objects", "-n", help="Galaxies to simulate.", min=300)
    ] = 3000,
    seed: DemoSeed = 42,
) -> None:
    """Simulate galaxies, bind images and spectra, predict redshift and mass, report and discover.

    A few minutes on two cores. Interrupted, the same command goes on. skybind explore shows the run
    in a browser.
    """
    from skybind.study import demo_galaxies as demonstrate

    print_summary(demonstrate(out, n_objects=objects, seed=seed), out / "run")
    _echo_next(out / "run")


def _echo_next(run: Path) -> None:
    echo(f"Strange and mislabelled objects: {run / 'discover.html'}.")
    echo(f"All of it in a browser: skybind explore {run}")
