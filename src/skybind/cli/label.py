"""Labels where they help most: propose objects, take the answers, train with them."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import AllowTwins, Commands, RunFolder, Seed, echo, open_to_measure

app = Commands(
    help="Label the objects that help most: propose, take the answers, train.\n\n"
    "Start with: skybind label propose run/ -n 50 --out to_label/",
    no_args_is_help=True,
)


@app.command(memory=True)
def propose(
    folder: RunFolder,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the table and the page of objects.")
    ],
    n: Annotated[int, typer.Option("-n", help="How many objects.", min=1)] = 50,
    strategy: Annotated[
        str,
        typer.Option(
            "--strategy",
            help="combined, margin, entropy, disagreement, badge, diverse, typical or random.",
        ),
    ] = "combined",
    part: Annotated[
        str,
        typer.Option(
            "--part",
            help="train; or validation, test: drawn at random, for a survey that has no labels.",
        ),
    ] = "train",
    only_answers: Annotated[
        bool,
        typer.Option("--only-answers", help="As if the catalogue's labels were not known."),
    ] = False,
    seed: Seed = None,
) -> None:
    """Propose the objects whose labels would help most, with a page to look at each.

    Writes to_label.csv, whose column `label` is to be filled in, and to_label.html: light curve
    folded at its period, spectrum, image, the current guess and the nearest labelled objects.
    Validation and test objects, and those that have a label, are never proposed for training.

    Without any label the most typical objects come first; then those that are doubtful or that
    their modalities judge differently, no two alike (combined).

    Example: skybind label propose run/ -n 50 --out to_label/
    """
    from skybind.labelling.propose import propose_labels, refuse_table, write_proposals
    from skybind.runs.run import Run

    refuse_table(out)  # before they are chosen, which may take long
    opened = Run.open(folder)
    proposals = propose_labels(
        opened, n, strategy=strategy, part=part, only_answers=only_answers, seed=seed
    )
    table, page = write_proposals(opened, proposals, out)
    for sentence in proposals.notes:
        echo(sentence)
    echo(f"{len(proposals)} objects to label are in {table}; look at them in {page}.")
    echo(f"Then: skybind label take {folder} {table}")


@app.command(files=True)
def take(
    folder: RunFolder,
    table: Annotated[
        Path, typer.Argument(metavar="TABLE", help="CSV with the columns object_id and label.")
    ],
    override: Annotated[
        bool,
        typer.Option(
            "--override", help="Take answers that contradict the catalogue or earlier answers."
        ),
    ] = False,
    new_class: Annotated[
        list[str] | None,
        typer.Option("--new-class", help="A class that the run does not have; may be repeated."),
    ] = None,
) -> None:
    """Check the answers and keep them in RUN/labels/answers.csv.

    Rows without an answer are counted; unknown objects or classes and contradictions are told
    one by one and not taken. A survey without any label learns its classes from the answers.

    Example: skybind label take run/ to_label/to_label.csv
    """
    from skybind.labelling.answers import take_answers
    from skybind.runs.run import Run

    taken = take_answers(Run.open(folder), table, override=override, new_classes=new_class or [])
    for sentence in taken.sentences:
        echo(sentence)


@app.command(memory=True)
def train(
    folder: RunFolder,
    modalities: Annotated[
        str, typer.Option("--modalities", "-m", help="all, one, or several joined by '+'.")
    ] = "all",
    only_answers: Annotated[
        bool, typer.Option("--only-answers", help="Leave out what the catalogue labels.")
    ] = False,
    start: Annotated[str, typer.Option("--start", help="pretrained or scratch.")] = "pretrained",
    frozen: Annotated[bool, typer.Option("--frozen", help="Train the head only.")] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", "-d", help="Dataset, where it is not where the run left it."),
    ] = None,
    allow_twins: AllowTwins = False,
) -> None:
    """Fine-tune with all labels, answers included, and classify every object.

    The model, its result on the test objects and the table of classes (classes.parquet) are
    written to RUN/labels. The rest of the run stays as it was.

    Example: skybind label train run/
    """
    from skybind.labelling.train import train_with_answers

    result = train_with_answers(
        open_to_measure(folder, allow_twins, data),
        modalities=modalities,
        only_answers=only_answers,
        start=start,
        frozen=frozen,
    )
    for sentence in result.sentences:
        echo(sentence)
