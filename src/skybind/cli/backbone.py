"""Backbones: encoders trained on one modality alone."""

from pathlib import Path
from typing import Annotated

import typer

from skybind.cli.options import Commands, Seed, Sets, SplitFile, echo, print_rich, read_split

app = Commands()


@app.command("pretrain-backbone")
def pretrain_backbone(
    modality: Annotated[
        str, typer.Argument(metavar="MODALITY", help="image, spectrum, or another kind.")
    ],
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Folder of the dataset.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the backbone.")],
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            "-c",
            help="moco-small, moco-resnet50, spender-small, spender-autoencoder, or a YAML file; "
            "the small one of the modality by default.",
        ),
    ] = None,
    sets: Sets = None,
    split: SplitFile = None,
    seed: Seed = None,
    resume: Annotated[
        bool, typer.Option("--resume/--restart", help="Go on from the last epoch, or start anew.")
    ] = True,
) -> None:
    """Train an encoder on one modality, without labels; a run can then take it as its backbone.

    Test objects are never looked at: give the run the same split (OUT/split.parquet). Killed at
    any moment, the same command goes on.

    Example: skybind pretrain-backbone image galaxies/ --out image-backbone/
    """
    from skybind.config.backbone import choose_backbone_config
    from skybind.runs.backbones import pretrain_backbone, render_backbone

    extra = [] if seed is None else [f"seed={seed}"]
    result = pretrain_backbone(
        choose_backbone_config(modality, config, [*(sets or []), *extra]),
        data,
        out,
        split=read_split(split),
        resume=resume,
    )
    print_rich(render_backbone(result))
    echo(f"The backbone is in {result.folder}; runs take it with --split {out / 'split.parquet'}.")
