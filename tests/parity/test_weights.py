"""AstroM3's published models through the command line alone, against its public release."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file
from typer.testing import CliRunner

from skybind.cli import app
from skybind.embeddings.store import Embeddings
from tests.parity.hub import FILES, write_model, write_stars
from tests.parity.make_astrom3 import CLASSES, EPOCHS

WANTED = load_file(FILES / "outputs.safetensors")


def run(*arguments):
    """What a command prints."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def stars(tmp_path_factory):
    """The golden stars as on the hub, imported; and with the features in reversed order."""
    root = tmp_path_factory.mktemp("hub")
    for name, reverse in (("stars", False), ("reversed", True)):
        files = write_stars(root / name / "full_42_norm", reverse)
        run("data", "import", files, "--reader", "astrom3_hub", "--out", root / f"{name}.data")
    return root


def ids(part):
    return [f"{part}-{number:06d}" for number in range(len(EPOCHS[part]))]


@pytest.mark.parametrize("data", ["stars", "reversed"])
def test_embeddings_of_the_pretrained_model(stars, tmp_path, data):
    """Columns in another order are taken by name, and that is said."""
    hub = write_model(tmp_path / "AstroM3-CLIP", "clip")
    told = run("weights", "import", hub, "--data", stars / f"{data}.data", "--out", tmp_path / "m")
    assert ("in another order" in told) == (data == "reversed")
    run("embed", tmp_path / "m", "--data", stars / f"{data}.data", "--out", tmp_path / "e")
    found = Embeddings.read(tmp_path / "e")
    place = {name: row for row, name in enumerate(found.object_id.tolist())}
    for part in EPOCHS:
        rows = [place[name] for name in ids(part)]
        for name, vectors in found.vectors.items():
            want = WANTED[f"{part}.embedding.{name}"]
            np.testing.assert_allclose(vectors[rows], want, atol=1e-5)


@pytest.mark.parametrize("kind", ["photo", "spectra", "meta", "all", "concat"])
def test_classes_of_each_classifier(stars, tmp_path, kind):
    hub = write_model(tmp_path / f"AstroM3-{kind}", kind)
    known = [] if kind == "spectra" else ["--standardised"]
    run("weights", "import", hub, "--out", tmp_path / "m", *known)
    out = tmp_path / "classes.parquet"
    run("classify", tmp_path / "m", "--data", stars / "reversed.data", "--out", out)
    table = pq.ParquetFile(out).read().to_pylist()
    found = {row["object_id"]: row for row in table}
    logits = WANTED[f"test.logits.{kind}"]
    for name, want in zip(ids("test"), logits, strict=True):
        row = found[name]
        assert row["class"] == CLASSES[int(want.argmax())]
        probability = want.softmax(0).tolist()
        np.testing.assert_allclose([row[f"p_{c}"] for c in CLASSES], probability, atol=1e-5)
