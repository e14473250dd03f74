"""Weights that others published, and models given to others."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import Commands, echo, read_pairs

app = Commands(
    help="Take published weights as models, and give models to others.", no_args_is_help=True
)


@app.command("import")
def import_(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|FILE",
            help="Folder with config.json and model.safetensors, or a file (.safetensors, .pth, "
            ".pt, .ckpt).",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="A new folder: of the model or the backbone.")
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            "-d",
            help="Dataset whose training objects tell the means and deviations of the features.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split", help="Of --data: a split that it holds, or a file; its only one by default."
        ),
    ] = None,
    statistics: Annotated[
        Path | None,
        typer.Option(
            "--statistics",
            help="File with mean and std of each feature (.json, .yaml, .csv), as published.",
        ),
    ] = None,
    standardised: Annotated[
        bool,
        typer.Option("--standardised", help="The model's data will be standardised already."),
    ] = False,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            "-c",
            help="The config.json of the weights, where it stands elsewhere; or a configuration "
            "of skybind with the network.",
        ),
    ] = None,
    features: Annotated[
        list[str] | None,
        typer.Option(
            "--features",
            metavar="MODALITY=NAME,NAME,...",
            help="Features in the order that the network takes them, where their names are not "
            "the published ones: each is prepared as the published one in its place. May be "
            "repeated.",
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes", metavar="NAME,NAME,...", help="Classes in the order of the logits."
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="Form of the weights, where their names do not tell it."),
    ] = None,
) -> None:
    """Make a model, or a backbone, of published weights; it is used like any other.

    Nothing is guessed: what the files do not tell is asked for.

    Example: skybind weights import AstroM3-CLIP/ --data stars/ --out model/

    Example: skybind weights import specformer.ckpt --out specformer/
    """
    from skybind.runs.published import import_weights

    listed = read_pairs(features or [], "--features")
    made = import_weights(
        path,
        out,
        data=data,
        split=split,
        statistics=statistics,
        standardised=standardised,
        config=config,
        features={name: _names(text) for name, text in listed.items()},
        classes=None if classes is None else _names(classes),
        form=form,
    )
    for note in made.notes:
        echo(note)
    echo(f"The {made.title} is in {made.folder}.")


@app.command()
def export(
    path: Annotated[
        Path, typer.Argument(metavar="RUN|MODEL", help="Folder of a run, or of a saved model.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write; a new one.")],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="skybind (skybind.load opens it), astrom3 (the release's names and config.json), "
            "or onnx (one file an encoder).",
        ),
    ] = "skybind",
    case: Annotated[
        str | None,
        typer.Option(
            "--case",
            help="Of a run: this classifier, such as photometry-10-pretrained, instead of the "
            "pre-trained model.",
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option("--licence", help="Of the weights, as the hub names it: cc-by-4.0."),
    ] = None,
    data_licence: Annotated[
        str | None, typer.Option("--data-licence", help="Of the data it was trained on.")
    ] = None,
    citation: Annotated[
        str | None, typer.Option("--citation", help="How the model is cited.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Heading of the card; the configuration's by default."),
    ] = None,
) -> None:
    """Write a model as a folder for others: weights, a card, and all that opening it needs.

    Example: skybind weights export run/ --out stars-model/ --licence cc-by-4.0
    """
    from skybind.report.card import CardText
    from skybind.report.exported import export_weights

    text = CardText(licence, data_licence, citation, name)
    made = export_weights(path, out, form, case=case, text=text)
    for modality, difference in made.differences.items():
        echo(f"{modality}.onnx differs from PyTorch by {difference:.1e} at most.")
    echo(f"{made.folder} holds {', '.join(made.files)}.")
    if licence is None:
        echo("The card states no licence: --licence does.")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]
