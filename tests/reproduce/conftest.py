import pytest

from skybind.discovery.discover import DiscoverOptions, discover
from skybind.reproduce.paper import Paper
from skybind.reproduce.papers import PAPERS
from skybind.reproduce.shown import Shown
from skybind.study.do import do_study
from skybind.study.merge import Study

#: Epochs and encoders of seconds, everything else as the small studies have it.
STARS = [
    "training.epochs=1",
    "training.min_steps=2",
    "finetuning.training.epochs=1",
    "finetuning.training.min_steps=2",
    "finetuning.overrides={}",
    "finetuning.modalities=[photometry, all]",
    "finetuning.starts=[scratch, pretrained]",
    "evaluation.map=pca",
    "evaluation.baseline=false",
    "evaluation.examples=1",
]
GALAXIES = [
    "split.fractions=[0.5, 0.2, 0.3]",
    "training.epochs=1",
    "training.min_steps=2",
    "evaluation.map=pca",
    "evaluation.baseline=false",
    "evaluation.supervised_epochs=0",
    "evaluation.queries=2",
]

QUEUE = {"image": ["moco.queue=64"], "spectrum": []}


def shrunk(name: str, sets: list[str], folder, objects: int, seeds: list[int], **change) -> Paper:
    """A paper's small study, done in seconds; without its slow pages of every run."""
    paper = PAPERS[name]
    options = paper.options(small=True, sets=sets, seeds=seeds, objects=objects)
    configured = options.configurations[name].model_copy(update=change)
    options = options.model_copy(
        update={"configurations": {name: configured}, "steps": [], **_subsets(paper)}
    )
    do_study(options, folder, chapters=lambda study: [])
    return paper


def _subsets(paper: Paper) -> dict[str, list[str]]:
    return {"subsets": ["full", "50"]} if paper.subsets else {}


@pytest.fixture(scope="session")
def stars(tmp_path_factory):
    """AstroM3's study of 320 simulated stars and two seeds, with the discoveries of the first."""
    folder = tmp_path_factory.mktemp("papers") / "stars"
    shrunk("astrom3", STARS, folder, 320, [1, 2])
    study = Study.open(folder)
    options = DiscoverOptions(map_method="pca", permutations=9, classes=("ROT",))
    discover(study.run("astrom3", 1), options, page=False)
    return Shown(study, "astrom3")


@pytest.fixture(scope="session")
def galaxies(tmp_path_factory):
    """AstroCLIP's study of 150 simulated galaxies with backbones of one epoch."""
    folder = tmp_path_factory.mktemp("papers") / "galaxies"
    backbones = {
        name: entry.model_copy(update={"set": [*entry.set, "training.epochs=1", *QUEUE[name]]})
        for name, entry in PAPERS["astroclip"].small.backbones.items()
    }
    shrunk("astroclip", GALAXIES, folder, 150, [3], backbones=backbones)
    return Shown(Study.open(folder), "astroclip")
