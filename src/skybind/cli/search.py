"""Search: the objects most like one of the survey, or like a new observation."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import Commands, print_rich
from skybind.errors import SkybindError
from skybind.progress import speaking

app = Commands()


@app.command(memory=True, files=True)
def search(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a run, or of embeddings.")
    ],
    queries: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY...",
            help="Ids of objects, or files of new observations (FITS, CSV, ECSV, VOTable, "
            "Parquet).",
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--from", help="Modality to search by; several joined by '+' stand for their mean."
        ),
    ] = None,
    target: Annotated[
        str | None, typer.Option("--to", help="Modality to search in; likewise.")
    ] = None,
    k: Annotated[int, typer.Option("--top", "-k", help="How many matches.")] = 10,
    where: Annotated[
        str | None,
        typer.Option(
            "--where",
            "-w",
            help="Condition on columns, e.g. \"label in ('EW', 'EB') and period < 1\".",
        ),
    ] = None,
    cone: Annotated[
        str | None,
        typer.Option(
            "--cone",
            metavar="'RA DEC RADIUS'",
            help="Search only there: in degrees, or '10:12:33 -05:11:22 5\\''.",
        ),
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Search only train, validation or test.")
    ] = None,
    contrast: Annotated[
        str | None,
        typer.Option(
            "--contrast", help="Rank the matches by how unlike they are in this modality."
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option("--columns", help="Columns to show, comma-separated; labels by default."),
    ] = None,
    predict: Annotated[
        str | None,
        typer.Option(
            "--predict",
            help="Columns to predict by the matches, comma-separated; 'spectrum' gives their mean, "
            "at rest where redshifts are known.",
        ),
    ] = None,
    predicted: Annotated[
        Path | None, typer.Option("--predicted", help="Write the predicted spectrum here.")
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--value",
            metavar="NAME=NUMBER",
            help="What goes with a file, e.g. period=0.37, ra=10.2; may be repeated.",
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help="Format of a file that is not known by itself: csv, fits, asassn ..."
        ),
    ] = None,
    visit: Annotated[
        str | None,
        typer.Option(
            "--visit",
            help="Which spectrum of a file that holds several of one object: what its column "
            "visit, mjd ... says.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Write the table: .csv, .parquet, .vot (TOPCAT), .ecsv, .fits."
        ),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option("--figure", help="Draw the first query and its matches: .png, .pdf, .svg."),
    ] = None,
    index: Annotated[
        bool | None,
        typer.Option(
            "--index/--exact",
            help="Search by an index ('skybind index'), which is built if there is none; or "
            "compare every object. By default an index that is there is used from a million "
            "objects on.",
        ),
    ] = None,
    recall: Annotated[
        float | None,
        typer.Option("--recall", help="What an index that is built has to find; 0.95 by default."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", "-d", help="Dataset, where RUN does not tell.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="Model, where RUN does not tell.")
    ] = None,
) -> None:
    """Find the objects most like an object, or like a new observation in a file.

    A match is "alike" where it is as near as all but one in a hundred objects of the survey have
    another; "unlike" is the nearest there is.

    Example: skybind search run/ spec-0412.fits --to photometry --top 5 --figure found.pdf
    """
    from skybind.search.result import predicted_table, render_result
    from skybind.search.search import SearchOptions
    from skybind.search.search import search as search_embeddings
    from skybind.tables import write_table

    options = SearchOptions(
        source=_names(source, "+"),
        target=_names(target, "+"),
        k=k,
        where=where,
        cone=cone,
        split=split,
        contrast=contrast,
        columns=_names(columns, ","),
        predict=_names(predict, ",") or [],
        values=_numbers(values),
        format=form,
        visit=visit,
        index=index,
        recall=recall,
    )
    result = search_embeddings(folder, queries, options, data=data, model=model)
    if out is None or speaking():  # quiet, what is written is not printed too
        print_rich(render_result(result))
    if out is not None:
        write_table(result.to_arrow(), out)
    if predicted is not None:
        if not result.spectra:
            raise SkybindError(
                "There is no predicted spectrum: ask for it with --predict spectrum."
            )
        if len(result.spectra) > 1:
            raise SkybindError("--predicted writes one spectrum: give one query, and one column.")
        write_table(predicted_table(result.spectra[0]), predicted)
    if figure is not None:
        from skybind.search.figure import write_search_figure
        from skybind.search.places import dataset_of

        write_search_figure(result, dataset_of(folder, data), figure)


def _names(text: str | None, separator: str) -> list[str] | None:
    if text is None:
        return None
    return [part.strip() for part in text.replace("+", separator).split(separator) if part.strip()]


def _numbers(entries: list[str] | None) -> dict[str, float]:
    numbers = {}
    for entry in entries or []:
        name, _, text = entry.partition("=")
        try:
            numbers[name.strip()] = float(text)
        except ValueError as error:
            raise SkybindError(f"--value is '{entry}': give NAME=NUMBER.") from error
    return numbers
