"""One gate before anything is measured: whose objects a run's models have seen.

Opening a run checks its split, its pre-trained model and its dataset against each other
(`refuse_other_split`, `refuse_other_model`). What measures asks `refuse_measuring` for the objects
that it measures on.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.fingerprints import catalogued, known_by, stored_hashes
from skybind.data.lineage import lineage_of, was_in
from skybind.data.seen import NONE, PLACE, ROW, TRAINED, VALIDATED, Observed, Seen, hash_ids
from skybind.data.splits import Split
from skybind.errors import DataError, LeakError
from skybind.files import array_hash
from skybind.models.binder import Binder
from skybind.models.build import build_modalities
from skybind.models.leaks import held, refuse_leak, refuse_twins, seen_twins, tell_older
from skybind.models.model import Model
from skybind.models.seen import read_seen
from skybind.models.stored import read_note
from skybind.progress import say

if TYPE_CHECKING:
    from skybind.runs.run import Run


def refuse_other_split(folder: Path, split: Split, noted: str) -> None:
    """Refuse a split that is not the one that a run was started on.

    Subsets of the labels may have been drawn since.

    Raises
    ------
    DataError
    """
    if not split.grew_from(noted):
        raise DataError(
            f"The split in {folder / 'split.parquet'} ({split.hash}) is not the one that the run "
            f"was started on ({noted}): put that one back, or start another run."
        )


def refuse_other_model(run: "Run", identity: Mapping[str, Any], folder: Path) -> None:
    """Refuse a model in a run's folder that was made for another split or dataset.

    Raises
    ------
    LeakError
    """
    split, dataset = identity.get("split_hash"), identity.get("dataset")
    what = []
    if split is not None and not run.split.grew_from(str(split)):
        what.append(f"the split {split}, the run's is {run.split.hash}")
    if dataset is not None and not was_in(run.dataset, str(dataset)):
        what.append(f"the dataset {dataset}, the run's is {run.dataset.fingerprint}")
    if what:
        raise LeakError(
            f"The model in {folder} was trained with {' and with '.join(what)}: it is not this "
            "run's. Put the run's own back, or delete that folder's and train again."
        )


def refuse_other_pretraining(run: "Run") -> None:
    """Refuse a pre-trained model that is not the run's, by its note alone."""
    if (run.paths.model / "model.json").exists():
        refuse_other_model(run, read_note(run.paths.model)["identity"], run.paths.model)


def as_grown(run: "Run", seen: Seen, same: bool) -> Seen:
    """Let a model that was trained before the dataset grew know what its objects have become.

    Parameters
    ----------
    run : Run
    seen : Seen
    same : bool
        It was trained with the run's own dataset, where a name is that of one object: then what
        came to its objects is known, and their new positions and catalogue rows.
    """
    lineage = lineage_of(run.dataset)
    if lineage is None:
        return seen
    grown = lineage.grown(seen, run.dataset.schema.kinds)
    if not (same and seen.knows_places):
        return grown
    changed = [changes.rows for step in lineage.steps() for changes in step.values()]
    rows = np.unique(np.concatenate([np.zeros(0, np.int64), *changed]))
    ids = hash_ids(run.dataset.object_ids[rows])
    observed = {
        role: observed_of(run, rows[held(ids, seen.hashes.get((role, "id"), NONE))])
        for role in (TRAINED, VALIDATED)
    }
    return grown.joined([Seen.of(rows[:0].astype(str), observed=observed)])


def observed_of(run: "Run", rows: np.ndarray, seen: Seen | None = None) -> Observed:
    """Fingerprints of some objects of a run: of what its models read, and where they are.

    None are made for something that has `seen` nothing but names, as models of an older skybind:
    they would tell nothing.
    """
    kinds = run.dataset.schema.kinds
    if seen is not None and not {kind for _, kind in seen.hashes} & {*kinds.values(), PLACE, ROW}:
        return []
    return [
        (kinds[name] if name in kinds else name.partition(" ")[0], codes[rows])
        for name, codes in run.observed.items()
    ]


def run_hashes(run: "Run") -> dict[str, np.ndarray]:
    """Fingerprints of a run's objects; those of observations are kept on disk.

    Returns
    -------
    dict of str to ndarray of uint64, shape (n,)
        By the column of an observation that its models read, and by `PLACE` and `ROW` with a
        number behind it.
    """
    read = [
        modality.columns for modality in build_modalities(run.config, run.dataset.schema).values()
    ]
    named = (entry.column_of(name) for name, entry in run.config.modalities.items())
    wanted = [column for column in named if column in run.dataset.schema.observations]
    found = stored_hashes(run.dataset, run.paths.prepared, list(dict.fromkeys(wanted)))
    places = enumerate(catalogued(run.dataset, read))
    return found | {f"{kind} {number}": codes for number, (kind, codes) in places}


def seen_by(run: "Run", rows: Mapping[str, np.ndarray]) -> Seen:
    """What a model of a run has seen: its training objects, and those that choose its epoch.

    Parameters
    ----------
    run : Run
    rows : mapping of `train` and `validation` to ndarray of int
    """
    parts = {TRAINED: rows["train"], VALIDATED: rows["validation"]}
    ids = run.dataset.object_ids
    observed = {role: observed_of(run, some) for role, some in parts.items()}
    others = np.delete(ids, np.concatenate(list(parts.values())))
    return Seen.of(ids[parts[TRAINED]], ids[parts[VALIDATED]], observed, among=others)


def tell_twins(run: "Run", seen: Seen) -> None:
    """Say before a training if its own split has test objects that it will see under another name.

    Parameters
    ----------
    run : Run
    seen : Seen
        What the training will see, and what it begins from has seen.
    """
    rows = run.rows("test")
    ids = run.dataset.object_ids[rows]
    twins = seen_twins(ids, seen, "testing", observed_of(run, rows, seen)).sure
    if twins.any() and not allows_twins(run):
        say(
            f"{int(twins.sum()):,} of the {len(ids):,} test objects (such as '{ids[twins][0]}') "
            "are training or validation objects under another name, or have their data: to measure "
            "on them will be refused without --allow-twins. A random or sky split that skybind "
            "draws keeps such objects of one dataset in one part."
        )


def allows_twins(run: "Run") -> bool:
    """Return whether a run is measured on what its models have seen under another name."""
    return run.allow_twins or run.config.evaluation.allow_twins


def refuse_measuring(run: "Run", model: Model, rows: np.ndarray, purpose: str = "testing") -> None:
    """Refuse to measure a model on objects of a run that it has seen, whatever their names.

    Parameters
    ----------
    run : Run
        Which may let objects pass that the model has seen under another name (`allows_twins`): they
        are told.
    model : Model
    rows : ndarray of int
        The objects.
    purpose : {"testing", "validation"}

    Raises
    ------
    LeakError
    """
    allow, same = allows_twins(run), _of_its_dataset(run, model.identity)
    seen = as_grown(run, model.seen, same)
    ids, observed = run.dataset.object_ids[rows], observed_of(run, rows, seen)
    refuse_leak(ids, seen, model.identity, purpose, observed, allow, same=same)


def _of_its_dataset(run: "Run", identity: Mapping[str, Any]) -> bool:
    """Whether something was trained with a run's own dataset."""
    return was_in(run.dataset, str(identity.get("dataset")))


def refuse_backbone_twins(run: "Run", binder: Binder) -> None:
    """Refuse before a training what a frozen backbone has seen under another name.

    Of a backbone of an older skybind, which keeps no positions, that is said.

    Raises
    ------
    LeakError
        If a test or validation object is one, and the run does not let it pass (`allows_twins`).
    """
    allow = allows_twins(run)
    for name, encoder in binder.backboned.items():
        tell_older(encoder.seen, array_hash(encoder.seen.trained_on), f"The backbone of '{name}'")
        for part, purpose in (("test", "testing"), ("validation", "validation")):
            rows = run.rows(part)
            same = was_in(run.dataset, encoder.dataset)
            seen = as_grown(run, encoder.seen, same)
            ids, observed = run.dataset.object_ids[rows], observed_of(run, rows, seen)
            of = f"the backbone of '{name}'"
            refuse_twins(ids, seen, of, purpose, observed, allow, same=same)


def refuse_measuring_case(run: "Run", folder: Path, rows: np.ndarray) -> None:
    """Do as `refuse_measuring` for a saved classifier, which is not built for that."""
    note = read_note(folder)
    refuse_other_model(run, note["identity"], folder)
    allow, same = allows_twins(run), _of_its_dataset(run, note["identity"])
    seen = as_grown(run, read_seen(folder, note), same)
    ids, observed = run.dataset.object_ids[rows], observed_of(run, rows, seen)
    refuse_leak(ids, seen, note["identity"], "testing", observed, allow, same=same)


def observed_in(dataset: Dataset, model: Model) -> Observed:
    """Fingerprints of the objects of any dataset: of what a model reads, and where they are."""
    return known_by(dataset, [modality.columns for modality in model.modalities.values()])
