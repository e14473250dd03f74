"""Where everything stands: in a run's folder, in that of a step, and in that of a backbone."""

from dataclasses import dataclass
from pathlib import Path

from skybind.errors import ConfigError
from skybind.once import NOTE
from skybind.training.names import BEST, CHECKPOINT, LOG


@dataclass(frozen=True)
class TrainedPaths:
    """The folder of a step that trains: a pre-training, or the fine-tuning of a case.

    `skybind.once` knows whether it is done.
    """

    folder: Path

    @property
    def model(self) -> Path:
        """The saved model, a folder."""
        return self.folder / "model"

    @property
    def classes(self) -> Path:
        """Probabilities of all objects, by a classifier."""
        return self.folder / "classes.parquet"

    def classes_of(self, state: str) -> Path:
        """Name the classes of an older state of the dataset; kept until an update has told them."""
        return self.folder / f"classes-{state}.parquet"

    @property
    def checkpoint(self) -> Path:
        """What going on needs, after every epoch."""
        return self.folder / CHECKPOINT

    @property
    def best(self) -> Path:
        """Weights of the best epoch so far."""
        return self.folder / BEST

    @property
    def log(self) -> Path:
        """A row an epoch."""
        return self.folder / LOG

    def wrote(self, kept: bool = True) -> list[str]:
        """Name what stands beside the model from now on; `skybind check` asks for it.

        Parameters
        ----------
        kept : bool
            Whether the weights on the way, `last.ckpt` and `best.safetensors`, are.
        """
        files = [self.log, *([self.best, self.checkpoint] if kept else [])]
        return [path.name for path in files if path.is_file()]


@dataclass(frozen=True)
class LabelPaths:
    """Answers of people, and what was trained with them: `RUN/labels`."""

    folder: Path

    @property
    def answers(self) -> Path:
        """Answer of every object that has one."""
        return self.folder / "answers.csv"

    @property
    def judgements(self) -> Path:
        """Everything that was judged in the explorer, a line each; nothing is taken out."""
        return self.folder / "judgements.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the program that writes answers."""
        return self.folder / "lock"

    @property
    def classes(self) -> Path:
        """Class of every object, by the classifier that was trained last."""
        return self.folder / "classes.parquet"

    @property
    def history(self) -> Path:
        """Test result after every round."""
        return self.folder / "result.json"

    def case(self, name: str) -> TrainedPaths:
        """A classifier that was trained with answers."""
        return TrainedPaths(self.folder / name)


@dataclass(frozen=True)
class DiscoverPaths:
    """What the embeddings tell by themselves: `RUN/discover`."""

    folder: Path

    @property
    def record(self) -> Path:
        """Every number of the page."""
        return self.folder / "discover.json"

    def step(self, name: str) -> Path:
        """Folder with the note of a step, see `skybind.once`."""
        return self.folder / "steps" / name

    @property
    def scores(self) -> Path:
        """What the neighbours of all objects say, while it is made in shards beside this place."""
        return self.folder / "scores"

    @property
    def refolded(self) -> Path:
        """Light curves embedded at other periods, a folder."""
        return self.folder / "refolded"

    def outliers(self, ending: str = ".parquet") -> Path:
        """All objects by suspicion (.parquet, .csv, .vot)."""
        return self.folder / f"outliers{ending}"

    @property
    def detections(self) -> Path:
        """How well each score finds what was planted."""
        return self.folder / "detections.json"

    @property
    def parts(self) -> Path:
        """Part of its class of every object."""
        return self.folder / "structure.parquet"

    @property
    def structure(self) -> Path:
        """The parts of the classes."""
        return self.folder / "structure.json"

    @property
    def new_classes(self) -> Path:
        """Where classes that are not in use land."""
        return self.folder / "new_classes.json"

    def labels(self, ending: str = ".parquet") -> Path:
        """Probabilities of objects of no class in use (.parquet, .csv)."""
        return self.folder / f"labels{ending}"

    @property
    def decisions(self) -> Path:
        """Which modality carried the decision on each object."""
        return self.folder / "decisions.parquet"

    @property
    def importance(self) -> Path:
        """Importance of the modalities by every measure."""
        return self.folder / "importance.json"

    def map(self, ending: str = ".parquet") -> Path:
        """The map of everything (.parquet, .vot)."""
        return self.folder / f"map{ending}"


@dataclass(frozen=True)
class RunPaths:
    """A run's folder. `quarantine.parquet` is `skybind.data.dataset`'s."""

    folder: Path

    @property
    def note(self) -> Path:
        """What the run was started on; its being there makes the folder a run."""
        return self.folder / "status.json"

    @property
    def config(self) -> Path:
        """The configuration, as resolved."""
        return self.folder / "config.yaml"

    @property
    def split(self) -> Path:
        """The split that is used."""
        return self.folder / "split.parquet"

    @property
    def features(self) -> Path:
        """Periods and features of light curves, where the dataset's folder cannot be written."""
        return self.folder / "features"

    @property
    def prepared(self) -> Path:
        """Prepared arrays and features of frozen backbones, a folder that can be deleted."""
        return self.folder / "prepared"

    @property
    def pretraining(self) -> TrainedPaths:
        """The pre-training."""
        return TrainedPaths(self.folder / "pretrain")

    @property
    def model(self) -> Path:
        """The pre-trained model, a folder."""
        return self.pretraining.model

    def case(self, name: str) -> TrainedPaths:
        """The fine-tuning of a case."""
        return TrainedPaths(self.folder / "finetune" / name)

    def cases(self) -> list[TrainedPaths]:
        """All cases whose fine-tuning was begun, by name."""
        folders = sorted((self.folder / "finetune").glob("[!.]*/"))
        return [TrainedPaths(folder) for folder in folders]

    @property
    def embeddings(self) -> Path:
        """The embeddings of all objects, a folder of shards."""
        return self.folder / "embeddings"

    @property
    def metrics(self) -> Path:
        """Every number of the report."""
        return self.folder / "metrics.json"

    @property
    def maps(self) -> Path:
        """Where objects lie on the maps, and in which clusters."""
        return self.folder / "maps.parquet"

    @property
    def predictions(self) -> Path:
        """Numbers predicted for the test objects."""
        return self.folder / "regression.parquet"

    @property
    def report(self) -> Path:
        """The page of the run."""
        return self.folder / "report.html"

    @property
    def labels(self) -> LabelPaths:
        """Answers of people."""
        return LabelPaths(self.folder / "labels")

    @property
    def discover(self) -> DiscoverPaths:
        """Discoveries."""
        return DiscoverPaths(self.folder / "discover")

    def update(self, date: str, state: str) -> Path:
        """What came to the dataset with a state of it (date and fingerprint), a folder."""
        return self.folder / "updates" / f"{date[:10]}-{state}"

    @property
    def selections(self) -> Path:
        """Selections of the explorer that are kept, a table each."""
        return self.folder / "selections"

    @property
    def discover_page(self) -> Path:
        """The page of discoveries."""
        return self.folder / "discover.html"


@dataclass(frozen=True)
class BackbonePaths:
    """The folder in which a backbone is pre-trained; the training's own files stand in it too."""

    folder: Path

    @property
    def backbone(self) -> Path:
        """The saved backbone, a folder."""
        return self.folder / "backbone"

    @property
    def note(self) -> Path:
        """The result, see `skybind.once`."""
        return self.folder / NOTE

    @property
    def config(self) -> Path:
        """The configuration, as resolved."""
        return self.folder / "config.yaml"

    @property
    def dataset(self) -> Path:
        """Which dataset it is trained on."""
        return self.folder / "dataset.json"

    @property
    def split(self) -> Path:
        """The split that is used."""
        return self.folder / "split.parquet"

    @property
    def features(self) -> Path:
        """Periods and features of light curves, where the dataset's folder cannot be written."""
        return self.folder / "features"

    @property
    def prepared(self) -> Path:
        """Prepared arrays, a folder that can be deleted."""
        return self.folder / "prepared"


def refuse_other_files(folder: Path, features: Path, purpose: str = "") -> None:
    """Refuse a folder that holds anything but computed columns, which are made first.

    Parameters
    ----------
    folder, features : Path
        The folder, and where columns computed for it stand.
    purpose : str
        End of the sentence, such as " for the run".

    Raises
    ------
    ConfigError
        If it holds something else.
    """
    if folder.exists() and any(path != features for path in folder.iterdir()):
        raise ConfigError(f"{folder} holds other files: choose an empty or a new folder{purpose}.")


def model_folder(path: str | Path) -> Path:
    """Folder of a saved model, which is named itself or by the run that pre-trained it."""
    inside = RunPaths(Path(path)).model
    return inside if inside.exists() else Path(path)
