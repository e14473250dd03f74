"""Datasets."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli import crossmatch
from skybind.cli.options import (
    Commands,
    Processes,
    ShardOf,
    echo,
    echo_shard,
    print_rich,
    read_fractions,
    read_pairs,
    read_shard,
)
from skybind.errors import SkybindError

app = Commands(help="Make datasets, look into them, check and split them.", no_args_is_help=True)
app.add_typer(crossmatch.app)


@app.command(
    "import",
    memory="Most memory for rows of long tables that are sorted by objects, for names that are "
    "compared, and for rows of the reader 'hats', 2GB by default. Steps of the import are of one "
    "size, since each makes its files (docs/scale.md).",
    files=True,
)
def data_import(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A mapping (YAML: which file and column is what), or with --reader the data.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder of the new dataset; of a dry run its page, an .html file."
        ),
    ] = None,
    reader: Annotated[
        str | None,
        typer.Option(
            "--reader",
            help="Layout of a whole data set: astroclip_hdf5 (a file), astroclip_hub, astrom3_hub "
            "(folders of Parquet), astrom3_raw (its tables and files), desi (a coadd file, or a "
            "folder with coadd and redrock files), hats (what 'skybind data export --hats' wrote).",
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="KEY=VALUE",
            help="Option of the reader, e.g. provabgs=FILE; may be repeated.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a dataset there.")
    ] = False,
    processes: Processes = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Read some objects, tell what each column became, write no dataset."
        ),
    ] = False,
    objects: Annotated[
        int, typer.Option("--objects", min=1, help="Objects that a dry run reads.")
    ] = 100,
    shard: ShardOf = None,
) -> None:
    """Make a dataset of survey files; docs/dataset.md shows the mapping and the readers.

    If it is interrupted, the same command goes on where it stopped. With 'features: computed' under
    'photometry' of the mapping, periods and features of the light curves are computed too.

    skybind data import stars.yaml --dry-run

    skybind data import stars.yaml --out stars

    skybind data import astroclip_desi.1.1.5.h5 --reader astroclip_hdf5
    --option provabgs=BGS_ANY_full.provabgs.sv3.v0.hdf5 --out galaxies
    """
    from skybind.ingest.build import render_summary
    from skybind.ingest.survey import import_dataset, import_files
    from skybind.shards import shards_of

    if reader is None and option:
        raise SkybindError("--option belongs to --reader: a mapping has its options inside.")
    options, part = read_pairs(option or [], "--option"), read_shard(shard)
    if dry_run and part is not None:
        raise SkybindError("A dry run makes no dataset, and so no shard of one: leave one out.")
    if dry_run:
        _dry_run(source, out, reader, options, objects)
        return
    if out is None:
        raise SkybindError("--out is missing: give the folder of the dataset, or --dry-run.")
    if reader is None:
        summary = import_dataset(source, out, overwrite, processes, part)
    else:
        summary = import_files(reader, source, out, options, overwrite, part)
    print_rich(render_summary(summary))
    if part is not None:
        echo_shard(shard, shards_of(out) / part.name)


def _dry_run(
    source: Path, out: Path | None, reader: str | None, options: dict[str, str], objects: int
) -> None:
    """Show what an import would make; the page goes to `out` if that is one, else aside."""
    import tempfile

    from skybind.drawing.preview import write_preview_page
    from skybind.ingest.preview.make import preview_files, preview_survey
    from skybind.ingest.preview.tables import render_preview

    if reader is None:
        preview = preview_survey(source, objects)
    else:
        preview = preview_files(reader, source, options, objects)
    print_rich(render_preview(preview))
    if out is None or out.suffix != ".html":
        out = Path(tempfile.mkdtemp(prefix="skybind-")) / f"{source.stem}.html"
    echo(f"The page with the first objects drawn is {write_preview_page(preview, out)}.")


@app.command("append", memory=True, files=True)
def data_append(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the dataset.")],
    new: Annotated[
        Path,
        typer.Argument(
            metavar="NEW", help="What is appended: the folder of a dataset, or a mapping (YAML)."
        ),
    ],
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Take values of NEW that differ; otherwise what is known stays."
        ),
    ] = False,
    add_columns: Annotated[
        bool,
        typer.Option(
            "--add-columns", help="Take columns that only NEW has; otherwise they are refused."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would happen, and write nothing.")
    ] = False,
    processes: Processes = None,
) -> None:
    """Append new objects, and new epochs and values of those that are there (docs/growing.md).

    Objects are the same by their names. Light curves are merged by time: an epoch at a time (in a
    band) at which there is one already is that epoch. A spectrum, an image or a value that was
    missing is filled. Units are converted; what means something else is refused.

    Killed at any moment, the dataset is the old or the new one, and the same command does the
    rest; what is there already is not appended twice. Runs on the dataset open as before and say
    that it grew: 'skybind update RUN' looks at what is new. New objects are in no part of a split
    until 'skybind data split --extend' says so.

    skybind data append stars/ tonight.yaml --dry-run

    skybind data append stars/ tonight.yaml
    """
    from skybind.ingest.append import append_survey

    done = append_survey(
        folder,
        new,
        replacing=replace,
        add_columns=add_columns,
        dry_run=dry_run,
        processes=processes,
    )
    echo(done.text)


@app.command("features", memory=True)
def data_features(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the dataset.")],
    column: Annotated[
        list[str] | None,
        typer.Option("--column", help="Column of light curves; all by default; may be repeated."),
    ] = None,
    periods: Annotated[
        bool,
        typer.Option("--periods", help="Periods, significance and aliases only, no features."),
    ] = False,
    processes: Processes = None,
    again: Annotated[
        bool, typer.Option("--again", help="Compute also what is there already.")
    ] = False,
    shard: ShardOf = None,
) -> None:
    """Compute periods and features of the light curves, and keep them as columns.

    Of a column 'photometry' come photometry_period (in days), its significance
    (photometry_period_log10_fap: log10 of the false-alarm probability), the next best periods
    (photometry_period_alias_1, _2), and 50 features such as photometry_amplitude; of several
    bands also those of each band (photometry_V_amplitude). The schema says by which definition.
    Columns of the catalogue stay as they are.

    The columns stand beside the objects, in DIR/features: runs on the dataset stay valid. If it is
    interrupted, the same command goes on where it stopped.

    skybind data features stars/ --processes 2

    skybind search RUN STAR --where "photometry_period < 1 and photometry_period_log10_fap < -3"
    """
    from skybind.lightcurves.stored import compute_features

    summaries = compute_features(
        folder,
        column,
        periods_only=periods,
        processes=processes,
        again=again,
        shard=read_shard(shard),
    )
    for summary in summaries:
        echo(summary.text)
        if summary.path.is_dir():  # otherwise the columns are there
            echo_shard(shard, summary.path)


@app.command("export", memory=True)
def data_export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the dataset.")],
    hats: Annotated[
        Path, typer.Option("--hats", metavar="OUT", help="Folder of the new HATS catalogue.")
    ],
    rows: Annotated[
        int | None,
        typer.Option(
            "--rows", help="Most objects of a partition; by default as many as take 64 MB."
        ),
    ] = None,
    margin: Annotated[
        float,
        typer.Option("--margin", help="Width of the margins, in arcsec; 0 for none."),
    ] = 10.0,
) -> None:
    """Write a dataset as a HATS catalogue, which LSDB opens, cross-matches and works on.

    Light curves, spectra and images become nested columns. Units, roles and splits stay with it:
    'skybind data import OUT --reader hats' makes the same dataset again (docs/hats.md).

    skybind data export stars/ --hats stars_hats
    """
    from skybind.scale.export import export_hats

    echo(export_hats(folder, hats, rows=rows, margin=margin).text)


@app.command("info")
def data_info(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the dataset.")],
) -> None:
    """Show what a dataset holds: objects, modalities and overlaps, classes, splits, bytes."""
    from skybind.data.info import dataset_info, render_info

    print_rich(render_info(dataset_info(folder)))


@app.command("check", memory=True)
def data_check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the dataset.")],
) -> None:
    """Name everything that is wrong with a dataset; exit status 1 if anything is.

    A dataset that keeps the rules is looked at for what deserves a second look; that is no error.
    """
    from skybind.data.check import check_dataset
    from skybind.data.suspicions import find_suspicions

    violations = check_dataset(folder)
    for violation in violations:
        echo(str(violation))
    echo(f"{len(violations)} violations" if violations else "The dataset is as it should be.")
    if violations:
        raise typer.Exit(1)
    for suspicion in find_suspicions(folder):
        echo(f"Worth a look: {suspicion}")


@app.command("split")
def data_split(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the dataset.")],
    name: Annotated[str | None, typer.Option("--name", help="Name of the new split.")] = None,
    kind: Annotated[str, typer.Option("--kind", help="random, sky, or column.")] = "random",
    column: Annotated[
        str | None,
        typer.Option("--column", help="kind column: its values are train, validation, test."),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option("--label", help="Keep the proportions of this label; make subsets of it."),
    ] = None,
    fractions: Annotated[
        str | None,
        typer.Option(
            "--fractions",
            help="Train, validation, test: 0.8,0.1,0.1 by default, or those of the split that is "
            "extended.",
        ),
    ] = None,
    subsets: Annotated[
        str,
        typer.Option(
            "--subsets", help="Of the labels: per cent (10), or objects a class (5-each)."
        ),
    ] = "50,25,10",
    seed: Annotated[
        int | None, typer.Option("--seed", help="42 by default, or that of the split.")
    ] = None,
    extend: Annotated[
        str | None,
        typer.Option(
            "--extend", metavar="NAME", help="Draw parts for objects that this split lacks."
        ),
    ] = None,
) -> None:
    """Store a named split in the dataset; use it with --set split.name=NAME.

    Objects that were appended are in no part until --extend draws one for them: those of the split
    keep theirs, and twins of training objects train. Runs keep the split that they began with.

    skybind data split stars/ --name main --label label

    skybind data split stars/ --extend main
    """
    from skybind.data.splits import FRACTIONS
    from skybind.data.stored_splits import extend_split, split_dataset

    if (name is None) == (extend is None):
        raise SkybindError("Give either --name, for a new split, or --extend with the name of one.")
    shares = None if fractions is None else read_fractions(fractions)
    if extend is not None:
        done = extend_split(folder, extend, fractions=shares, seed=seed)
        echo(_extended(extend, done.split.hash, done.added, done.followed))
        return
    split = split_dataset(
        folder,
        str(name),
        kind=kind,
        column=column,
        label=label,
        seed=42 if seed is None else seed,
        fractions=shares or FRACTIONS,
        subsets=[s for s in subsets.split(",") if s] if label else [],
    )
    sizes = ", ".join(f"{part} {len(split.rows(part))}" for part in ("train", "validation", "test"))
    echo(f"Split {name} ({split.hash}): {sizes}.")


def _extended(name: str, state: str, added: dict[str, int], followed: int) -> str:
    """Say what came into a split."""
    if not sum(added.values()) and not followed:
        return f"Split {name} ({state}) has all objects already."
    sizes = ", ".join(f"{part} {n:,}" for part, n in added.items())
    return f"Split {name} ({state}) has new objects: {sizes} ({followed:,} of them with a twin)."
