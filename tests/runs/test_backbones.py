import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from skybind.config.backbone import load_backbone_config
from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.splits import Split
from skybind.data.write import DatasetWriter
from skybind.errors import ConfigError
from skybind.models.backbones import load_backbone
from skybind.models.leaks import hash_ids
from skybind.once import result_of
from skybind.ragged import Ragged
from skybind.runs import backbones
from skybind.runs.backbones import pretrain_backbone
from skybind.runs.workshop import calibrate, encoder_features

N, SIDE, PIXELS = 240, 16, 120
SHORT = ["training.loader_threads=0", "training.warmup_epochs=0", "probe.neighbours=5"]
IMAGE = [
    *SHORT,
    "training.batch_size=32",
    "training.epochs=4",
    "modality.preprocessing.crop=12",
    "modality.preprocessing.shift=1",
    "modality.preprocessing.blur=[0, 0]",
    "modality.encoder={name: resnet, stem: 4, blocks: [1, 1]}",
    "moco.queue=64",
    "moco.momentum=0.9",
]
SPECTRUM = [
    *SHORT,
    "training.batch_size=8",
    "training.epochs=20",
    "training.learning_rate=0.01",
    "modality.preprocessing.bins=120",
    "modality.preprocessing.wavelength_min=4000",
    "modality.preprocessing.wavelength_step=20",
    "modality.preprocessing.hide_length=10",
    "modality.encoder={name: spender, channels: [8, 16], kernels: [5, 7], pools: [3]}",
    "autoencoder.hidden=[32]",
]


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory):
    """Blobs, and one emission line each; a tenth without a redshift, a tenth without a spectrum."""
    rng = np.random.default_rng(0)
    redshift = rng.uniform(0.0, 0.3, N)
    size = 1.2 + 8 * redshift + 0.1 * rng.normal(size=N)
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    blob = np.exp(-0.5 * (x**2 + y**2) / size[:, None, None] ** 2)
    noise = 0.02 * rng.normal(size=(2, N, SIDE, SIDE))
    colour = (1 + redshift)[:, None, None]
    offsets = np.arange(N + 1) * SIDE**2
    bands = {"g": (blob + noise[0]).ravel(), "r": (blob * colour + noise[1]).ravel()}
    image = Ragged({b: v.astype(np.float32) for b, v in bands.items()}, offsets, np.ones(N, bool))
    wavelength = 4000.0 + 20 * np.arange(PIXELS)
    place = 4500 * (1 + redshift)[:, None]
    slope = 10 * redshift[:, None] * np.linspace(-1, 1, PIXELS)
    flux = 3 + slope + 3 * np.exp(-0.5 * ((wavelength - place) / 40) ** 2)
    flux = flux + 0.1 * rng.normal(size=flux.shape)
    fields = {
        "wavelength": np.tile(wavelength, N),
        "flux": flux.ravel(),
        "ivar": np.full(N * PIXELS, 100.0),
    }
    spectrum = Ragged(
        {k: v.astype(np.float32) for k, v in fields.items()},
        np.arange(N + 1) * PIXELS,
        np.ones(N, bool),
    )
    kept = rng.random(N) > 0.1
    spectrum = spectrum.filter(np.repeat(kept, PIXELS))
    spectrum.present[~kept] = False
    attributes = {"pixel_scale": 0.262, "stretch": "linear"}
    columns = {
        "image": Column("observation", None, "", "image", {"g": "nmgy", "r": "nmgy"}, attributes),
        "spectrum": Column(
            "observation", None, "", "spectrum", {"wavelength": "Angstrom", "flux": None}
        ),
        "redshift": Column("target"),
    }
    folder = tmp_path_factory.mktemp("blobs") / "data"
    with DatasetWriter(folder, columns, simulated=True) as writer:
        writer.append(
            {
                "object_id": np.asarray([f"blob{i}" for i in range(N)]),
                "ra": rng.uniform(0, 360, N),
                "dec": rng.uniform(-60, 60, N),
                "image": image,
                "spectrum": spectrum,
                "redshift": np.where(rng.random(N) > 0.1, redshift, np.nan),
            }
        )
    return folder


def rates(result, target="redshift"):
    return {p.weights: p for p in result.probes if p.target == target}


def test_what_stands_there_is_asked_before_anything_is_computed(galaxies, tmp_path, monkeypatch):
    (tmp_path / "thesis.tex").write_text("x")
    monkeypatch.setattr(backbones, "compute_first", lambda *_: pytest.fail("computed already"))
    with pytest.raises(ConfigError, match="holds other files"):
        pretrain_backbone(load_backbone_config("moco-small", IMAGE), galaxies, tmp_path)


def test_images_by_momentum_contrast(galaxies, tmp_path):
    out = tmp_path / "image"
    config = load_backbone_config("moco-small", IMAGE)
    result = pretrain_backbone(config, galaxies, out)
    losses = [record["validation/loss"] for record in result.training["history"]]
    assert min(losses) < losses[0]
    encoder, note = load_backbone(result.folder)
    assert note.kind == "image"
    assert note.preprocessing["crop"] == 12
    assert set(note.statistics) == {"softening", "mean", "scale"}
    split = Split.read(out / "split.parquet")
    ids = split.object_id
    assert set(note.trained_on) == set(hash_ids(ids[split.rows("train")]))
    assert not np.isin(hash_ids(ids[split.rows("test")]), note.trained_on).any()
    assert note.identity["split_hash"] == split.hash
    assert result.objects == {"train": 192, "validation": 24}
    assert rates(result)["trained"].n_test < 24  # some have no redshift
    assert encoder(torch.zeros(1, 2, 12, 12)).shape == (1, 8)
    # done is done; another configuration, or another split, is not put on top of it
    longer = load_backbone_config("moco-small", [*IMAGE, "training.max_minutes=9"])
    with pytest.MonkeyPatch.context() as patch:  # the split that is stored counts
        patch.setattr(backbones, "choose_split", lambda *_: pytest.fail("drawn again"))
        assert pretrain_backbone(longer, galaxies, out) == result
    other = load_backbone_config("moco-small", [*IMAGE, "moco.temperature=0.1"])
    with pytest.raises(ConfigError, match="differ in moco"):
        pretrain_backbone(other, galaxies, out)
    turned = Split(ids, np.roll(split.part, 1))
    with pytest.raises(ConfigError, match="another split"):
        pretrain_backbone(config, galaxies, out, split=turned)


@pytest.mark.parametrize("frame", ["observed", "rest"])
def test_spectra_by_reconstruction(galaxies, tmp_path, frame):
    changes = [f"autoencoder.frame={frame}", "autoencoder.redshift_range=[0, 0.25]"]
    config = load_backbone_config("spender-small", [*SPECTRUM, *changes])
    given = Split(
        Dataset.open(galaxies).object_ids, np.repeat(["train", "validation", "test"], N // 3)
    )
    result = pretrain_backbone(config, galaxies, tmp_path / "out", split=given)
    losses = [record["validation/loss"] for record in result.training["history"]]
    assert min(losses) < 0.9 * losses[0]
    dataset = Dataset.open(galaxies)
    usable = dataset.present("spectrum")
    if frame == "rest":
        usable &= dataset.numbers("redshift") <= 0.25
    rows = given.rows("train")
    assert result.objects["train"] == usable[rows].sum() < N // 3
    encoder, note = load_backbone(result.folder)
    assert note.shape.channels == 1
    assert set(note.trained_on) == set(hash_ids(given.object_id[rows[usable[rows]]]))
    probes = rates(result)
    assert probes["trained"].neighbours > 0.9
    if frame == "rest":
        assert probes["trained"].neighbours > probes["random"].neighbours + 0.02
    assert encoder.out_features == 8


def test_a_killed_training_goes_on(galaxies, tmp_path):
    # each in a process of its own: what other tests have loaded may round otherwise
    def command(name):
        words = [sys.executable, "-m", "skybind", "pretrain-backbone", "spectrum", str(galaxies)]
        words += ["--out", str(tmp_path / name), "--quiet"]
        for item in (*SPECTRUM, "training.epochs=12"):
            words += ["--set", item]
        return words

    subprocess.run(command("whole"), check=True)
    process = subprocess.Popen(command("killed"))
    try:
        deadline = time.monotonic() + 240
        while not (tmp_path / "killed" / "last.ckpt").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert result_of(tmp_path / "killed") is None
    subprocess.run(command("killed"), check=True)
    folders = [tmp_path / "whole", tmp_path / "killed"]
    curves = [
        [record["validation/loss"] for record in result_of(folder)["training"]["history"]]
        for folder in folders
    ]
    assert curves[0] == curves[1]
    encoders = [load_backbone(folder / "backbone")[0].state_dict() for folder in folders]
    assert all(torch.equal(encoders[0][key], encoders[1][key]) for key in encoders[0])


def test_what_cannot_be_stops_before_anything_is_written(galaxies, tmp_path):
    still = ["rotation=0", "flip=false", "shift=0", "noise=0", "blur=[0, 0]"]
    config = load_backbone_config(
        "moco-small", [*IMAGE, *(f"modality.preprocessing.{item}" for item in still)]
    )
    with pytest.raises(ConfigError, match="two views"):
        pretrain_backbone(config, galaxies, tmp_path / "out")
    config = load_backbone_config(
        "spender-small", [*SPECTRUM, "autoencoder.frame=rest", "autoencoder.redshift=redshit"]
    )
    with pytest.raises(ConfigError, match="did you mean 'redshift'"):
        pretrain_backbone(config, galaxies, tmp_path / "out")
    config = load_backbone_config("moco-small", [*IMAGE, "modality.encoder.stemm=3"])
    with pytest.raises(ConfigError, match=r"modality\.encoder.*stem"):
        pretrain_backbone(config, galaxies, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_random_weights_are_judged_with_calibrated_batch_norms(galaxies, tmp_path):
    from skybind.encoders.resnet import ResNet
    from skybind.modalities.image import Image
    from skybind.modalities.source import BatchSource

    dataset = Dataset.open(galaxies)
    image = Image("image", Image.Options(crop=12, rotation=0), dataset.schema)
    source = BatchSource({"image": image}, {"image": image.prepare(dataset.table(["image"]))})
    source.fit(np.arange(N))
    torch.manual_seed(0)
    encoder = ResNet(image.shape, stem=4, blocks=(1,))
    rows = np.arange(200)
    calibrate(encoder, source, "image", rows)
    assert not encoder.training
    assert encoder.bn1.momentum == 0.1
    with torch.no_grad():
        first = encoder.conv1(source.batch(rows).inputs["image"]["values"])
    assert torch.allclose(encoder.bn1.running_mean, first.mean((0, 2, 3)), atol=1e-4)
    assert encoder_features(encoder, source, "image", rows[:7]).shape == (7, 4)
