"""The command line: one short function a command, each calls one public function."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skybind import __version__
from skybind.errors import SkybindError

if TYPE_CHECKING:
    from skybind.config import Config
    from skybind.data.splits import Split

app = typer.Typer(
    help="Bind the views of one star - light curve, spectrum, catalogue row - "
    "in one embedding space.\n\nStart with: skybind demo stars",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(
    help="Make datasets, look into them, check and split them.", no_args_is_help=True
)
simulate_app = typer.Typer(help="Simulate surveys with known truth.", no_args_is_help=True)
demo_app = typer.Typer(help="The whole job on simulated data, on a laptop.", no_args_is_help=True)
config_app = typer.Typer(help="List and show the shipped configurations.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(simulate_app, name="simulate")
app.add_typer(demo_app, name="demo")
app.add_typer(config_app, name="config")

Data = Annotated[Path, typer.Option("--data", "-d", help="Folder of the dataset.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Set a key, e.g. training.epochs=2; may be repeated.",
    ),
]
ConfigName = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG", help="Shipped configuration (see 'skybind config list') or a YAML file."
    ),
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")]
SplitFile = Annotated[
    Path | None,
    typer.Option("--split", help="Use this split (Parquet, or CSV with object_id and part)."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed; the configuration's by default.")]


def _version(value: bool) -> None:
    if value:
        typer.echo(f"skybind {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    config: ConfigName,
    data: Data,
    out: Out,
    sets: Sets = None,
    split: SplitFile = None,
    seed: Seed = None,
    quiet: Quiet = False,
) -> None:
    """Do everything: pre-train, fine-tune with and without, embed, evaluate, report.

    Interrupted, the same command goes on where it stopped.

    Example: skybind run stars-small --data stars/ --out run/
    """
    from skybind.studies.whole import run_all

    metrics = run_all(_config(config, sets, seed), data, out, split=_split(split), show=not quiet)
    _summary(metrics, out)


@app.command()
def pretrain(
    config: ConfigName,
    data: Data,
    out: Out,
    sets: Sets = None,
    split: SplitFile = None,
    seed: Seed = None,
    resume: Annotated[
        bool, typer.Option("--resume/--restart", help="Go on from the last epoch, or start anew.")
    ] = True,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            help="Take AstroM3's published weights (.safetensors, .pth), train nothing.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Bind the modalities, without labels; the model is written to RUN/pretrain/model.

    Killed at any moment, the same command with --resume gives the same losses as an
    uninterrupted run.
    """
    from skybind.studies.run import Run
    from skybind.studies.steps import adopt_published, run_pretraining

    started = Run.start(_config(config, sets, seed), data, out, split=_split(split), show=not quiet)
    if weights is not None:
        adopt_published(started, weights)
        typer.echo("What the published model was trained on is not known: leaks cannot be refused.")
    else:
        run_pretraining(started, resume=resume)
    typer.echo(f"The model is in {out / 'pretrain' / 'model'}.")


@app.command()
def finetune(
    folder: RunFolder,
    modalities: Annotated[
        list[str] | None,
        typer.Option(
            "--modalities", "-m", help="A modality, or several joined by '+'; may be repeated."
        ),
    ] = None,
    subset: Annotated[
        list[str] | None, typer.Option("--subset", help="full, 50, 25, 10; may be repeated.")
    ] = None,
    start: Annotated[
        list[str] | None, typer.Option("--start", help="scratch or pretrained; may be repeated.")
    ] = None,
    frozen: Annotated[bool, typer.Option("--frozen", help="Train the head only.")] = False,
    pretrained: Annotated[
        Path | None,
        typer.Option("--pretrained", help="Start from the model of another run (its folder)."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Train classifiers with labels; all that the configuration asks for by default.

    Example: skybind finetune run/ --modalities photometry --subset 10 --start pretrained
    """
    from skybind.studies.cases import choose_cases
    from skybind.studies.run import Run
    from skybind.studies.steps import find_pretrained, run_finetuning

    opened = Run.open(folder, show=not quiet)
    schema = opened.dataset.schema
    model = find_pretrained(pretrained, schema) if pretrained is not None else None
    for case in choose_cases(opened, modalities, subset, start, frozen):
        result = run_finetuning(opened, case, pretrained=model)
        typer.echo(
            f"{result['name']}: best epoch {result['best_epoch']}, loss {result['best_loss']:.4f}"
        )


@app.command()
def embed(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a run, or of a saved model.")
    ],
    data: Annotated[
        Path | None,
        typer.Option("--data", "-d", help="Embed this dataset instead of the run's."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Where to write; RUN/embeddings by default."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Embed all objects; one vector a modality and object, as Parquet."""
    from skybind.studies.steps import embed_anything

    written, n = embed_anything(folder, data, out, show=not quiet)
    typer.echo(f"{n} objects are in {written}.")


@app.command()
def evaluate(folder: RunFolder, quiet: Quiet = False) -> None:
    """Measure everything on the test objects; writes RUN/metrics.json."""
    from skybind.studies.cases import finished_cases
    from skybind.studies.evaluation import evaluate_run
    from skybind.studies.run import Run

    opened = Run.open(folder, show=not quiet)
    _summary(evaluate_run(opened, finished_cases(opened)), folder, report=False)


@app.command()
def report(folder: RunFolder, quiet: Quiet = False) -> None:
    """Write RUN/report.html, one file that opens offline."""
    from skybind.studies.reporting import write_report
    from skybind.studies.run import Run

    typer.echo(f"The report is {write_report(Run.open(folder, show=not quiet))}.")


@demo_app.command("stars")
def demo_stars(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to work in.")] = Path(
        "demo-stars"
    ),
    objects: Annotated[
        int, typer.Option("--objects", "-n", help="Stars to simulate.", min=300)
    ] = 3000,
    seed: Annotated[int, typer.Option("--seed", help="Of survey, split and training.")] = 42,
    quiet: Quiet = False,
) -> None:
    """Simulate variable stars, bind light curves, spectra and catalogue rows, and report.

    A few minutes on two cores. Interrupted, the same command goes on.
    """
    from skybind.studies.demo import demo_stars as demonstrate

    _summary(demonstrate(out, n_objects=objects, seed=seed, show=not quiet), out / "run")


@simulate_app.command("stars")
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


@data_app.command("import")
def data_import(
    mapping: Annotated[
        Path, typer.Argument(metavar="MAPPING", help="YAML: which file and column is what.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the new dataset.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a dataset there.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Make a dataset of tables and folders of files; docs/dataset.md shows the mapping."""
    from skybind.data.import_ import import_dataset, render_summary

    _print(render_summary(import_dataset(mapping, out, overwrite=overwrite, show=not quiet)))


@data_app.command("info")
def data_info(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the dataset.")],
) -> None:
    """Show what a dataset holds: objects, modalities and overlaps, classes, splits, bytes."""
    from skybind.data.info import dataset_info, render_info

    _print(render_info(dataset_info(folder)))


@data_app.command("check")
def data_check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the dataset.")],
) -> None:
    """Name everything that is wrong with a dataset; exit status 1 if anything is."""
    from skybind.data.check import check_dataset

    violations = check_dataset(folder)
    for violation in violations:
        typer.echo(str(violation))
    typer.echo(f"{len(violations)} violations" if violations else "The dataset is as it should be.")
    if violations:
        raise typer.Exit(1)


@data_app.command("split")
def data_split(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the dataset.")],
    name: Annotated[str, typer.Option("--name", help="Name of the split.")],
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
        str, typer.Option("--fractions", help="Train, validation, test.")
    ] = "0.8,0.1,0.1",
    subsets: Annotated[
        str, typer.Option("--subsets", help="Percentages of the labels.")
    ] = "50,25,10",
    seed: Annotated[int, typer.Option("--seed")] = 42,
) -> None:
    """Store a named split in the dataset; use it with --set split.name=NAME."""
    from skybind.data.split_dataset import split_dataset

    split = split_dataset(
        folder,
        name,
        kind=kind,
        column=column,
        label=label,
        seed=seed,
        fractions=_fractions(fractions),
        subsets=[s for s in subsets.split(",") if s] if label else [],
    )
    sizes = ", ".join(f"{part} {len(split.rows(part))}" for part in ("train", "validation", "test"))
    typer.echo(f"Split {name} ({split.hash}): {sizes}.")


@config_app.command("list")
def config_list() -> None:
    """List the shipped configurations."""
    from skybind.config import config_names, load_config

    for name in config_names():
        typer.echo(f"{name:14s} {load_config(name).description}")


@config_app.command("show")
def config_show(config: ConfigName, sets: Sets = None) -> None:
    """Show a configuration with every key and value."""
    from skybind.config import dump_config

    typer.echo(dump_config(_config(config, sets, None)), nl=False)


def _config(name: str, sets: list[str] | None, seed: int | None) -> "Config":
    from skybind.config import load_config

    extra = [] if seed is None else [f"seed={seed}"]
    return load_config(name, [*(sets or []), *extra])


def _split(path: Path | None) -> "Split | None":
    from skybind.data.splits import Split

    return None if path is None else Split.read(path)


def _fractions(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise SkybindError(f"--fractions is '{text}': give three numbers, 0.8,0.1,0.1.") from error


def _print(renderable: object) -> None:
    from rich.console import Console

    Console().print(renderable)


def _summary(metrics: dict[str, Any], out: Path, report: bool = True) -> None:
    from skybind.studies.summary import render_summary

    _print(render_summary(metrics))
    if report:
        typer.echo(
            f"The report is {out / 'report.html'}; every number is in {out / 'metrics.json'}."
        )


def main() -> None:
    """Run the command line; what a user did wrong is one sentence and exit status 2."""
    try:
        app()
    except SkybindError as error:
        typer.echo(f"skybind: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("skybind: interrupted; the same command goes on where it stopped.", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
