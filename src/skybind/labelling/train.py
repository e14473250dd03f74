"""Fine-tuning with the answers of people, and the classes of all objects by what was learned."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from skybind.config.subsets import FULL, subset_order
from skybind.config.training import LossOptions, TrainingOptions
from skybind.drawing.cells import share
from skybind.errors import DataError
from skybind.files import json_hash
from skybind.labelling.answers import (
    ANSWERED,
    LABELLED,
    LabelledRun,
    labelled_run,
    require_labels,
)
from skybind.measures.classification import ClassificationResult, classification_metrics
from skybind.once import NOTE, forget, result_of
from skybind.record import Record, plain, read_record, write_sealed
from skybind.runs.alone import changes_run
from skybind.runs.cases import Case, choose_cases, options_of
from skybind.runs.classes import case_classes
from skybind.runs.measured import refuse_measuring_case
from skybind.runs.run import Run
from skybind.runs.steps import run_finetuning
from skybind.tables import write_table
from skybind.training.pace import choose_pace


class Round(Record):
    """What one round of labelling reached."""

    case: str = Field(..., description="The classifier.")
    n_answers: int = Field(..., description="Answers of the run.")
    n_train: int = Field(..., description="Training objects with a label, answers included.")
    test: ClassificationResult | None = Field(
        ..., description="Result on the test objects; null if none of them has a label."
    )


class Rounds(Record):
    """`result.json` of the labels."""

    rounds: list[Round] = Field(..., description="One entry a round, the first one first.")


#: What `result.json` of the labels holds. An older skybind wrote the list alone.
ROUNDS: Any = Rounds | Annotated[list[Round], Field(min_length=1)]


@dataclass
class Training:
    """A classifier that was trained with answers.

    Attributes
    ----------
    case : Case
    n_answers, n_train : int
        Answers of the run, and training objects with a label (answers included).
    test : ClassificationResult or None
        Result on the test objects; None if none of them has a label.
    classes_file : Path
        The class of every object.
    """

    case: Case
    n_answers: int
    n_train: int
    test: ClassificationResult | None
    classes_file: Path

    @property
    def sentences(self) -> list[str]:
        """The result in words, one sentence each."""
        said = [
            f"{self.case.name}: trained on {self.n_train} labelled objects "
            f"(the run has {self.n_answers} answers)."
        ]
        if self.test is None:
            said.append(
                "No test object has a label, so nothing is measured: 'skybind label propose RUN "
                "--part test' draws some to be labelled."
            )
        else:
            test = self.test
            said.append(
                f"On {test.n_test} test objects: accuracy "
                f"{share(test.accuracy, test.accuracy_error)} %, balanced "
                f"{share(test.balanced_accuracy, test.balanced_accuracy_error)} %."
            )
        said.append(f"The class of every object is in {self.classes_file}.")
        return said


@changes_run
def train_with_answers(
    run: Run,
    *,
    modalities: str = "all",
    only_answers: bool = False,
    start: str = "pretrained",
    frozen: bool = False,
) -> Training:
    """Fine-tune a classifier with the catalogue's labels and the answers, and classify everything.

    It stands in the run's folder `labels`; the classifiers of the run's own study, and their
    results, stay as they are. Done again without new answers, it only measures again.

    Parameters
    ----------
    run : Run
        Pre-trained.
    modalities : str
        `all`, one, or several joined by '+'.
    only_answers : bool
        Leave out training objects that only the catalogue labels.
    start : {"pretrained", "scratch"}
    frozen : bool
        Train the head only.

    Raises
    ------
    DataError
        If there is no answer or no labelled validation object.
    LeakError
        If the pre-training saw objects that validate or test.
    """
    joined = labelled_run(run)
    if not joined.answered.any():
        raise DataError(
            f"The run in {run.folder} has no answers yet: hand them over with 'skybind label take'."
        )
    for part in ("train", "validation"):
        require_labels(joined, part)
    case = _case(run, modalities, ANSWERED if only_answers else LABELLED, start, frozen)
    rows = joined.rows("train", case.subset)
    paths, labels = run.paths.labels.case(case.name), _labels_hash(joined, rows)
    _note_of_0_1(paths.folder, labels)
    trained = run_finetuning(
        joined,
        case,
        out=paths.folder,
        options=_options(joined, case, len(rows)),
        key={"labels": labels},
    )
    found = case_classes(joined, case, paths)
    refuse_measuring_case(joined, paths.model, joined.rows("test"))
    path = run.paths.labels.classes
    write_table(found.for_people, path)
    test = _test(joined, found.logits(), found.classes)
    result = Training(case, int(joined.answered.sum()), trained["n_train"], test, path)
    _remember(joined, result)
    return result


def _case(run: Run, modalities: str, subset: str, start: str, frozen: bool) -> Case:
    """Return the case of these options."""
    possible = choose_cases(run, [modalities], ["full"], [start], frozen)
    if not possible:
        raise DataError(
            "A frozen classifier needs pre-trained encoders: leave out --start scratch."
        )
    return Case(possible[0].modalities, subset, start, possible[0].frozen)


def _labels_hash(run: LabelledRun, rows: np.ndarray) -> str:
    """Hash of the labels that a classifier is trained and validated with."""
    every = np.concatenate([rows, run.rows("validation")])
    return json_hash([every.tolist(), run.labels[every].tolist(), run.classes])


def _note_of_0_1(folder: Path, labels: str) -> None:
    """Bring the hash of labels, which version 0.1 kept in a file of its own, into the note."""
    old = folder / "labels.json"
    if not old.exists():
        return
    if read_record(old, dict[str, Any], "delete it").get("hash") != labels:
        forget(folder)
    elif (note := result_of(folder)) is not None:
        write_sealed(folder / NOTE, {**note, "labels": labels})
    old.unlink(missing_ok=True)


def _options(run: LabelledRun, case: Case, n: int) -> tuple[TrainingOptions, LossOptions]:
    """Options for about as many labels as there are.

    Those that the configuration has for the nearest share of the labels, and as many steps as
    that share would be trained for.
    """
    total = max(len(run.rows("train")), 1)
    shares = {
        name: subset_order(name) / 100
        for name in (FULL, *run.config.split.subsets)
        if subset_order(name) > 0
    }
    away = {name: abs(np.log(share * total / max(n, 1))) for name, share in shares.items()}
    nearest_share = min(away, key=lambda name: away[name])
    training, loss = options_of(run, Case(case.modalities, nearest_share, case.start, case.frozen))
    steps = choose_pace(training, max(round(shares[nearest_share] * total), 1)).steps
    return training.model_copy(update={"min_steps": steps}), loss


def _test(run: LabelledRun, logits: np.ndarray, classes: list[str]) -> ClassificationResult | None:
    rows = run.rows("test")
    rows = rows[(run.labels[rows] >= 0) & np.isfinite(logits[rows]).all(axis=1)]
    if not len(rows):
        return None
    return classification_metrics(run.labels[rows], logits[rows].argmax(1), classes)


def _remember(run: LabelledRun, training: Training) -> None:
    """Add the result to those of earlier rounds, so that the gain of labels can be followed."""
    path = run.paths.labels.history
    rounds = read_rounds(path) if path.exists() else []
    new = Round(
        case=training.case.name,
        n_answers=training.n_answers,
        n_train=training.n_train,
        test=training.test,
    )
    if new not in rounds:
        write_sealed(path, {"rounds": plain([*rounds, new])})


def read_rounds(path: Path) -> list[Round]:
    """Read what every round of labelling reached.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    again = "delete it, and the results of earlier rounds are forgotten"
    found = read_record(path, ROUNDS, again)
    return found.rounds if isinstance(found, Rounds) else list(found)
