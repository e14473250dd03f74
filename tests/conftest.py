import os

import numpy as np
import pytest
from hypothesis import settings

from skybind.config import load_config
from skybind.progress import set_verbosity
from skybind.runs.cases import choose_cases
from skybind.runs.classes import case_classes
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.runs.steps import run_finetuning, run_pretraining
from skybind.simulate.write import write_stars
from tests.growing import KEPT, piece

#: A run of seconds: few epochs, few cases, everything else as it ships.
QUICK = [
    "training.epochs=2",
    "training.batch_size=64",
    "finetuning.training.epochs=2",
    "finetuning.overrides={}",
    "finetuning.modalities=[photometry, all]",
    "finetuning.subsets=['25']",
    "evaluation.map=pca",
    "evaluation.examples=2",
]


set_verbosity("quiet")
# no test needs its files to outlast the machine
os.environ.setdefault("SKYBIND_FSYNC", "0")
# a busy machine is no fault of the code
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")


@pytest.fixture
def talking():
    """Messages as on the command line."""
    set_verbosity("normal")
    yield
    set_verbosity("quiet")


@pytest.fixture(scope="session")
def stars(tmp_path_factory):
    """A simulated survey of 400 stars, three in ten observations missing."""
    folder = tmp_path_factory.mktemp("survey") / "stars"
    write_stars(folder, 400, seed=7, missing=0.3)
    return folder


@pytest.fixture(scope="session")
def config():
    return load_config("stars-small", QUICK)


@pytest.fixture(scope="module")
def trained(stars, config, tmp_path_factory):
    """Folder of a run: a binder of two epochs and its embeddings."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    started = Run.start(config, stars, folder)
    run_pretraining(started)
    run_embedding(started)
    return folder


@pytest.fixture(scope="session")
def begun(config, tmp_path_factory):
    """A survey of 200 stars, a dataset of 160 of them, a run on it with one classifier."""
    folder = tmp_path_factory.mktemp("grown")
    write_stars(folder / "all", 200, seed=5, missing=0.2)
    piece(folder / "all", folder / "stars", np.arange(KEPT), halved=range(10))
    run = Run.start(config, folder / "stars", folder / "run")
    run_pretraining(run)
    run_embedding(run)
    (case,) = choose_cases(run, ["photometry"], ["full"], ["pretrained"], False)
    run_finetuning(run, case)
    case_classes(run, case)
    return folder
