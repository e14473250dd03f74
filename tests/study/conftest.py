import pytest

from skybind.study import StudyOptions, do_study

#: A configuration of seconds.
QUICK = [
    "modalities.photometry=null",
    "modalities.spectrum.encoder={name: galspecnet, channels: [4, 4], kernel_size: 5}",
    "modalities.metadata.encoder={name: mlp, hidden: 8, layers: 1}",
    "model.dimension=8",
    "training.epochs=1",
    "training.batch_size=64",
    "finetuning.training.epochs=1",
    "finetuning.overrides={}",
    "finetuning.modalities=[metadata]",
    "evaluation.map=pca",
    "evaluation.baseline=false",
    "evaluation.examples=0",
]


@pytest.fixture(scope="session")
def tiny():
    """Two seeds of one configuration on 150 simulated stars."""
    return StudyOptions.model_validate(
        {
            "name": "tiny",
            "simulate": {"survey": "stars", "objects": 150, "seed": 5},
            "configurations": {"small": {"config": "stars-small", "set": QUICK}},
            "seeds": [42, 7],
            "subsets": ["full", "50"],
        }
    )


@pytest.fixture(scope="session")
def done(tiny, tmp_path_factory):
    """That study in one go."""
    return do_study(tiny, tmp_path_factory.mktemp("whole") / "study")
