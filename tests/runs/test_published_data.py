"""The published configuration on data that bring a published split."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from skybind.cli import app
from skybind.config import load_config
from skybind.data.splits import Split
from skybind.ingest.survey import import_files
from skybind.models.leaks import hash_ids
from skybind.models.model import Model
from skybind.runs.run import Run
from tests.ingest.galaxy_files import galaxies, write_hdf5

CLASSES = ("DSCT", "EA", "EB", "EW", "HADS", "M", "ROT", "RRAB", "RRC", "SR")
SIZES = {"train": 30, "validation": 10, "test": 20}
#: The published network, but small, and trained for a moment.
TINY = [
    "modalities.photometry.preprocessing.length=20",
    "modalities.photometry.encoder.layers=1",
    "modalities.photometry.encoder.d_model=8",
    "modalities.photometry.encoder.d_ff=8",
    "training.epochs=1",
    "training.batch_size=10",
    "finetuning.training.epochs=1",
    "finetuning.training.batch_size=10",
    "finetuning.overrides={}",
    "finetuning.modalities=[metadata]",
    "finetuning.subsets=['10']",
    "finetuning.starts=[scratch]",
    "evaluation.baseline=false",
    "evaluation.map=pca",
    "evaluation.importance=false",
    "evaluation.retrieval=false",
    "evaluation.clusters=false",
    "evaluation.examples=0",
]


def star(rng: np.random.Generator, k: int) -> dict:
    time = np.sort(rng.uniform(2457000, 2458500, 25))
    wavelength = np.linspace(3800, 9050, 600)
    meta = {
        "mean_vmag": rng.uniform(12, 16),
        "parallax": rng.uniform(1, 3),
        "l": 360 * rng.random(),
    }
    return {
        "photometry": np.column_stack([time, rng.normal(9, 1, 25), np.full(25, 0.1)]).tolist(),
        "spectra": np.column_stack([wavelength, rng.normal(5, 1, 600), np.full(600, 0.1)]).tolist(),
        "metadata": {
            "meta_cols": meta,
            "photo_cols": dict.fromkeys(
                ("amplitude", "period", "lksl_statistic", "rfr_score"), 0.1 + rng.random()
            ),
        },
        "label": CLASSES[k % len(CLASSES)],
    }


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """Two configurations of AstroM3Processed: all stars of one seed, and its tenth."""
    root, rng = tmp_path_factory.mktemp("hub"), np.random.default_rng(5)
    for name in ("full_42", "sub10_42"):
        (root / name).mkdir()
    for part, n in SIZES.items():
        rows = [star(rng, k) for k in range(n)]
        pq.write_table(pa.Table.from_pylist(rows), root / "full_42" / f"{part}.parquet")
        pq.write_table(pa.Table.from_pylist(rows[:10]), root / "sub10_42" / f"{part}.parquet")
    return root / "full_42"


def hashes(n: int) -> list[int]:
    """What a model notes of the first so many published training objects."""
    return sorted(hash_ids(np.array([f"train-{k:06d}" for k in range(n)])))


def test_the_published_configuration_trains_on_exactly_the_published_objects(hub, tmp_path, caplog):
    caplog.set_level("INFO", logger="skybind")
    import_files("astrom3_hub", hub, tmp_path / "data")
    sets = [part for change in TINY for part in ("--set", change)]
    command = ["run", "astrom3", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, [*command, *sets])
    assert result.exit_code == 0, result.output
    assert "The split is 'published', which the dataset" in caplog.text
    run = Run.open(tmp_path / "run")
    assert run.config.split.name == "published"
    published = Split.read(tmp_path / "data" / "splits" / "published.parquet")
    assert run.split.agrees(published)
    trained = Model.open(run.paths.pretraining.model).trained_on
    assert sorted(trained) == hashes(SIZES["train"])
    tenth = Model.open(run.paths.case("metadata-10-scratch").model).trained_on
    assert sorted(tenth) == hashes(10)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["split"]["counts"] == SIZES


def test_a_published_split_of_two_parts_loses_no_test_object_to_validation(tmp_path, caplog):
    """AstroCLIP's 80/20: validation is cut from its training part when the run starts."""
    caplog.set_level("INFO", logger="skybind")
    one, two = galaxies(40, side=104), galaxies(20, seed=1, side=104)
    write_hdf5(tmp_path / "a.h5", {"0": one, "1": two})
    import_files("astroclip_hdf5", tmp_path / "a.h5", tmp_path / "data")
    random = [f"modalities.{name}.backbone.weights=random" for name in ("image", "spectrum")]
    run = Run.start(load_config("astroclip", random), tmp_path / "data", tmp_path / "run")
    assert not run.paths.prepared.exists()  # nothing is computed yet
    test = [str(i) for g, n in ((one, 32), (two, 16)) for i in g["targetids"][n:]]
    part = dict(zip(run.dataset.object_ids.tolist(), run.split.part.tolist(), strict=True))
    assert sorted(name for name, p in part.items() if p == "test") == sorted(test)
    validated = [name for name, p in part.items() if p == "validation"]
    assert len(validated) == 3  # 0.05 of 0.9 + 0.05, of 48
    assert "The split is 'published'" in caplog.text
    assert "has no validation objects: 3 of its 48 training objects" in caplog.text
