"""Cross-matching of two catalogues, a command of `skybind data`."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import Commands, echo
from skybind.errors import SkybindError

app = Commands()


@app.command("crossmatch", files=True)
def data_crossmatch(
    a: Annotated[
        Path,
        typer.Argument(metavar="A", help="A table, or the folder of a dataset or HATS catalogue."),
    ],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    radius: Annotated[
        float, typer.Option("--radius", "-r", help="Largest separation, in arcsec.")
    ] = 1.0,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Table to write: .parquet, .csv, .vot, .ecsv or .fits."),
    ] = None,
    all_pairs: Annotated[
        bool, typer.Option("--all", help="Every pair within the radius, not one to one.")
    ] = False,
    keep: Annotated[
        str,
        typer.Option("--keep", help="pairs, or all: also objects of A without a pair, with why."),
    ] = "pairs",
    id_a: Annotated[str | None, typer.Option(help="A: column with the names.")] = None,
    ra_a: Annotated[str | None, typer.Option(help="A: right ascension.")] = None,
    dec_a: Annotated[str | None, typer.Option(help="A: declination.")] = None,
    unit_a: Annotated[
        str | None,
        typer.Option(help="A: unit of both, where the file states none: deg, rad, or hourangle."),
    ] = None,
    pm_a: Annotated[
        str | None,
        typer.Option(metavar="PMRA,PMDEC", help="A: proper motions (pmra with cos(dec))."),
    ] = None,
    epoch_a: Annotated[
        str | None,
        typer.Option(
            metavar="YEAR", help="A: epoch of the positions: a year, or a column with them."
        ),
    ] = None,
    id_b: Annotated[str | None, typer.Option(help="B: likewise.")] = None,
    ra_b: Annotated[str | None, typer.Option(help="B.")] = None,
    dec_b: Annotated[str | None, typer.Option(help="B.")] = None,
    unit_b: Annotated[str | None, typer.Option(help="B.")] = None,
    pm_b: Annotated[str | None, typer.Option(metavar="PMRA,PMDEC", help="B.")] = None,
    epoch_b: Annotated[str | None, typer.Option(metavar="YEAR", help="B.")] = None,
    epoch: Annotated[
        float | None,
        typer.Option(
            metavar="YEAR",
            help="Compare positions then; by default at the epoch of the catalogue without proper "
            "motions, or of B.",
        ),
    ] = None,
) -> None:
    """Match two catalogues by position.

    One to one: each object of a pair is the nearest to the other. Columns of names and positions
    are found by their usual names (ra, RAJ2000, RA_ICRS ...). The table has both names and
    positions, the separation in arcsec, how many candidates there were, and a status, which says
    which pairs are doubtful; printed are the counts, and how many pairs would be there by chance.

    skybind data crossmatch stars/ gaia.fits --radius 1 --out pairs.csv

    skybind data crossmatch gaia.parquet 2mass.fits --pm-a pmra,pmdec --epoch-a 2016.0
    --epoch-b 2000.0 --keep all --out matched.parquet
    """
    from skybind.ingest.catalogues import Catalogue
    from skybind.ingest.crossmatch import crossmatch

    first = Catalogue(a, id_a, ra_a, dec_a, unit_a, _pair(pm_a, "--pm-a"), _epoch(epoch_a))
    other = Catalogue(b, id_b, ra_b, dec_b, unit_b, _pair(pm_b, "--pm-b"), _epoch(epoch_b))
    if keep not in ("pairs", "all"):
        raise SkybindError(f"--keep is '{keep}': give pairs or all.")
    found = crossmatch(
        first, other, radius, all_pairs=all_pairs, keep="all" if keep == "all" else "pairs",
        epoch=epoch, out=out,
    )  # fmt: skip
    for sentence in found.sentences():
        echo(sentence)
    if out is not None:
        echo(f"The table is {out}.")


def _pair(text: str | None, option: str) -> tuple[str, str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or not all(names):
        raise SkybindError(f"{option} is '{text}': give two columns, such as pmra,pmdec.")
    return names[0], names[1]


def _epoch(text: str | None) -> float | str | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return text  # a column
