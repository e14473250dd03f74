"""How long a study will take here: measured on some of its objects, before anything long begins."""

import csv
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from skybind.config import Config
from skybind.config.backbone import load_backbone_config
from skybind.config.load import with_values
from skybind.data.dataset import Dataset
from skybind.data.sources import parts_in
from skybind.errors import DataError, SkybindError
from skybind.files import json_hash
from skybind.locks import myself
from skybind.parquet import read_schema, write_parquet
from skybind.progress import muted, say, step
from skybind.record import read_record, write_sealed
from skybind.runs.backbones import pretrain_backbone
from skybind.runs.cases import Case
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.runs.steps import run_finetuning, run_pretraining
from skybind.study.merge import PRETRAINING, Study
from skybind.study.options import Backbone, simulate
from skybind.study.plan import fit, make_plan
from skybind.study.status import StudyStatus, study_status
from skybind.study.units import Unit
from skybind.study.work import DONE, states_of
from skybind.training.names import LOG
from skybind.words import about, join

#: Objects that are tried.
SAMPLE = 160

#: With fewer objects to look at, each as often as an epoch comes, no time is lost on a forecast.
SHORT = 50_000


@dataclass(frozen=True)
class Speed:
    """Time an object [s] of one configuration on this machine.

    Attributes
    ----------
    survey, prepare, pretrain, embed : float
        Simulating it, preparing it, an epoch of pre-training, embedding it.
    finetune : dict of str to float
        An epoch of fine-tuning of each modality alone; several take their sum.
    backbone : dict of str to float
        An epoch of the backbone of each modality that has one.
    """

    survey: float
    prepare: float
    pretrain: float
    embed: float
    finetune: dict[str, float]
    backbone: dict[str, float]

    def of(self, unit: Unit) -> float | None:
        """Time of a unit [s]; None where it is not measured."""
        if unit.kind == "tune" and unit.case == PRETRAINING:
            return unit.amount * self.pretrain
        if unit.kind in ("finetune", "tune"):
            rates = [r for name, r in self.finetune.items() if name in _modalities(unit.case)]
            return unit.amount * sum(rates) if rates else None
        if unit.kind == "backbone":
            return unit.amount * self.backbone[unit.case] if unit.case in self.backbone else None
        if unit.kind == "evaluate":  # to be classified an object is embedded
            return unit.amount * self.embed or None
        rate = getattr(self, unit.kind, None)
        return None if rate is None else unit.amount * float(rate)


def _modalities(case: str) -> list[str]:
    """Modalities that the name of a case may begin with."""
    parts = case.split("+")
    return [*parts[:-1], *("-".join(parts[-1].split("-")[:n]) for n in range(1, 9))]


def look_at(study: Study, *, here: bool = False, keep: bool = True) -> StudyStatus:
    """Say how far a study is, with the time left: as recorded, else as measured.

    Parameters
    ----------
    study : Study
    here : bool
        Whether the time on this machine is asked for; otherwise a measurement of another one
        will do, as one often looks from where nothing is computed.
    keep : bool
        Whether a measurement is kept in the folder of the study.
    """
    return study_status(study, measured_times(study, here=here, keep=keep))


def measured_times(study: Study, *, here: bool = False, keep: bool = True) -> dict[str, float]:
    """Give the time of the units that nothing is recorded of yet [s], at most; measured if long.

    A measurement takes seconds and is kept in `STUDY/measured`, one of each machine.
    """
    plan = make_plan(study)
    states = states_of(study, plan)
    found: dict[str, float] = {}
    for name in study.configurations:
        own = [unit for unit in plan if unit.configuration == name]
        left = [unit for unit in own if states[unit.id].state != DONE]
        trained = {unit.kind for unit in own if states[unit.id].state == DONE}
        known = {"pretrain", "finetune"} <= trained
        if known or sum(unit.amount for unit in left) < SHORT:
            continue
        speed = _speed(study, name, here, keep)
        if speed is None:
            continue
        for unit in [*left, *(unit for unit in plan if unit.kind == "survey")]:
            seconds = speed.of(unit)
            if seconds is not None:
                found[unit.id] = seconds
    return found


def _speed(study: Study, configuration: str, here: bool, keep: bool) -> Speed | None:
    """Give the speed of a configuration, as measured before or now; None if that failed."""
    what = study.digest(configuration)
    where = json_hash([myself().host, torch.get_num_threads()])
    own = study.folder / "measured" / f"{what}-{where}.json"
    for path in [own, *([] if here else sorted(own.parent.glob(f"{what}-*.json")))]:
        try:
            return read_record(path, Speed, "delete it")
        except FileNotFoundError:
            continue
        except DataError:
            path.unlink(missing_ok=True)  # measured anew
    try:
        with step(f"measuring how long {configuration} takes here"), muted():
            speed = measure(study, configuration)
    except SkybindError as error:
        say(f"How long {configuration} takes could not be measured: {error}")
        return None
    if keep:
        write_sealed(own, asdict(speed))
    return speed


def measure(study: Study, configuration: str) -> Speed:
    """Try a configuration on some objects: second epochs, as the first are slower."""
    seed = study.seeds[0]
    fitted = fit(study, configuration, seed)
    with tempfile.TemporaryDirectory(prefix="skybind-measure-") as folder:
        data = Path(folder) / "data"
        with _timed() as simulating:
            _sample(study, seed, data)
        backbones = study.options.configurations[configuration].backbones
        config = _short(fitted.config, data, list(backbones))
        with _timed() as preparing:
            run = Run.start(config, data, Path(folder) / "run")
            run.prepare()
        pre_trained = {
            name: _backbone_epoch(entry, run, Path(folder) / name)
            for name, entry in backbones.items()
        }
        run_pretraining(run)
        epochs = _last_epoch(run.paths.pretraining.log)
        with _timed() as embedding:
            run_embedding(run)
        tuned = {}
        for name in run.config.modalities if fitted.cases else ():
            case = Case((name,), "full", "scratch")
            run_finetuning(run, case)
            tuned[name] = _last_epoch(run.paths.case(case.name).log)
        n, train = len(run.dataset), len(run.rows("train"))
        return Speed(
            survey=simulating[0] / n,
            prepare=preparing[0] / n,
            pretrain=epochs / train,
            embed=embedding[0] / n,
            finetune={name: seconds / train for name, seconds in tuned.items()},
            backbone={name: seconds / train for name, seconds in pre_trained.items()},
        )


def _sample(study: Study, seed: int, out: Path) -> None:
    """Write some objects of the dataset of a seed, or simulate some of the survey."""
    wanted = study.options.simulate
    if wanted is not None and not (study.paths.data / "objects").exists():
        simulate(wanted.model_copy(update={"objects": min(SAMPLE, wanted.objects)}), out)
        return
    dataset = Dataset.open(study.data(seed), computed=())
    rows = np.linspace(0, len(dataset) - 1, min(SAMPLE, len(dataset))).astype(int)
    (out / "objects").mkdir(parents=True)
    table = dataset.table(dataset.arrow_schema.names, rows)
    part = parts_in(dataset.path)[0]
    table = table.replace_schema_metadata(read_schema(part).metadata)
    write_parquet(table, out / "objects" / part.name)


def _backbone_epoch(entry: Backbone, run: Run, folder: Path) -> float:
    """Train a backbone for two epochs on the training objects of a run; gives the second's time."""
    sets = [*entry.set, "training.epochs=2", f"training.batch_size={SAMPLE // 5}"]
    if load_backbone_config(entry.config, entry.set).moco is not None:
        sets.append(f"moco.queue={SAMPLE // 5}")
    config = load_backbone_config(entry.config, sets)
    pretrain_backbone(config, run.dataset.path, folder, split=run.split)
    return _last_epoch(folder / LOG)


def _short(config: Config, data: Path, backbones: Sequence[str]) -> Config:
    """Give a configuration whose trainings have two epochs and batches that a sample fills.

    The weights of `backbones`, which are not there yet, are random ones.
    """
    label, dataset = config.labels.column, Dataset.open(data)
    keys: dict[str, object] = {
        "split.kind": "random",
        "split.name": "none",
        "split.fractions": [0.7, 0.2, 0.1],
        "split.subsets": [],
        "finetuning.subsets": ["full"],
        "finetuning.overrides": {},
    }
    if label in dataset.schema.columns:
        keys["labels.classes"] = sorted({name for name in dataset.labels(label).tolist() if name})
    keys |= {f"modalities.{name}.backbone.weights": "random" for name in backbones}
    for training in ("training", "finetuning.training"):
        section = config.training if training == "training" else config.finetuning.training
        keys |= {
            f"{training}.epochs": 2,
            f"{training}.batch_size": min(section.batch_size, SAMPLE // 5),
            f"{training}.min_batches": None,
            f"{training}.min_steps": None,
            f"{training}.max_minutes": None,
            f"{training}.warmup_epochs": 0,
        }
    return with_values(config, keys, "the forecast")


def _last_epoch(log: Path) -> float:
    """Time of the last epoch of a training [s]."""
    with log.open(newline="", encoding="utf-8") as file:
        return float([*csv.DictReader(file)][-1]["seconds"])


@contextmanager
def _timed() -> Iterator[list[float]]:
    """Measure the wall time of a block [s]; it is in the list afterwards."""
    took = [0.0]
    began = time.perf_counter()
    yield took
    took[0] = time.perf_counter() - began


def words_of(status: StudyStatus) -> str:
    """Say how long what is left takes, on as many machines as are at work now."""
    hosts = max(1, len({holder.host for holder in status.holders.values()}))
    if not status.to_do:
        return "nothing is left to do."
    known = status.left > 0
    said = f"at most {about(status.left / hosts)}" if known else "not known yet"
    if known and hosts > 1:
        said += f" on the {hosts} machines that are at work"
    if status.unknown:
        said += f" ({join(status.unknown)} not counted: none was done yet)"
    return f"time left: {said}."
