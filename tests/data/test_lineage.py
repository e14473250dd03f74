import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.data.fingerprints import observation_hashes
from skybind.data.lineage import (
    appends_since,
    earlier_observations,
    growth_since,
    lineage_of,
    older_states,
)
from skybind.data.seen import TRAINED, VALIDATED, Seen
from skybind.errors import DataError
from skybind.ingest.append import append_dataset
from skybind.study.check import check_folder
from tests.ingest.test_append import T, survey

KINDS = {"photometry": "photometry"}


@dataclass
class Growing:
    """A dataset, and the fingerprints that it has had."""

    folder: Path
    states: list[str]

    def append(self, name, times, period=1.0, replacing=True):
        place = self.folder.with_name("new")
        shutil.rmtree(place, ignore_errors=True)
        new = survey(place, [name], [times], period=np.asarray([period]))
        append_dataset(self.folder, new, replacing=replacing)
        self.states.append(self.data.fingerprint)

    @property
    def data(self):
        return Dataset.open(self.folder)

    def changed(self, state):
        growth = growth_since(self.data, self.states[state])
        return growth.appends, {name: rows.tolist() for name, rows in growth.changed.items()}


@pytest.fixture
def begun(tmp_path):
    folder = survey(tmp_path / "stars", ["s0", "s1", "s2", "s3"], [T, T[:4], None, T])
    return Growing(folder, [Dataset.open(folder).fingerprint])


@pytest.fixture
def taken_back(begun):
    """To s1 came epochs, s3 got a wrong period, and that was taken back."""
    begun.append("s1", T[4:])
    begun.append("s3", None, 9.0)
    begun.append("s3", None, 1.0)
    assert begun.states[3] == begun.states[1]
    return begun


def as_older(growing):
    """Name the tables of changes as an older skybind did, which wrote one over another."""
    lineage = lineage_of(growing.data)
    for number, state in enumerate(lineage.states[1:], 1):
        (table,) = (growing.folder / "lineage").glob(f"{number:05d}-*")
        table.rename(table.with_name(f"{state.fingerprint}.parquet"))


def test_what_changed_before_a_correction_that_was_taken_back_is_known(taken_back):
    assert taken_back.changed(0) == (3, {"photometry": [1], "period": [3]})
    lineage = lineage_of(taken_back.data)
    assert [list(step) for step in lineage.steps()] == [["photometry"], ["period"], ["period"]]
    assert len(list((taken_back.folder / "lineage").iterdir())) == 3


def test_a_model_knows_what_became_of_its_objects_before_it_was_taken_back(begun):
    before = observation_hashes(begun.data, "photometry", np.asarray([3]))
    begun.append("s3", T + 50)
    after = observation_hashes(begun.data, "photometry", np.asarray([3]))
    begun.append("s0", None, 9.0)
    begun.append("s0", None, 1.0)
    seen = Seen.of(np.asarray(["s3"]), np.asarray([]), {TRAINED: [("photometry", before)]})
    grown = lineage_of(begun.data).grown(seen, KINDS)
    assert set(grown.hashes[TRAINED, "photometry"]) == {*before, *after}
    assert (VALIDATED, "photometry") not in grown.hashes
    (earlier,) = earlier_observations(begun.data)["photometry"]
    assert earlier.before.tolist() == before.tolist()


def test_growth_is_told_since_a_state_was_left_for_the_last_time(taken_back):
    first, again, wrong = (taken_back.states[n] for n in (0, 1, 2))
    assert growth_since(taken_back.data, again) is None  # it is in that state
    assert taken_back.changed(2) == (1, {"period": [3]})
    counts = [appends_since(taken_back.folder, state) for state in (first, again, wrong)]
    assert counts == [3, 0, 1]
    assert older_states(taken_back.data) == [wrong, first]
    taken_back.append("s0", T + 50)
    assert taken_back.changed(1) == (1, {"photometry": [0]})
    assert taken_back.changed(0) == (4, {"photometry": [0, 1], "period": [3]})
    assert appends_since(taken_back.folder, again) == 1
    assert older_states(taken_back.data) == [again, wrong, first]
    lineage = lineage_of(taken_back.data)
    until = lineage.until(lineage.since(again))
    assert [state.fingerprint for state in until] == taken_back.states[:4]


def test_back_in_the_first_state_nothing_came_to_it(begun):
    begun.append("s3", None, 9.0)
    begun.append("s3", None, 1.0)
    assert begun.states[2] == begun.states[0]
    assert growth_since(begun.data, begun.states[0]) is None
    assert older_states(begun.data) == [begun.states[1]]
    begun.append("s1", T)
    assert begun.changed(0) == (1, {"photometry": [1]})


def test_tables_of_an_older_skybind_are_read(begun):
    begun.append("s3", None, 9.0)
    begun.append("s3", None, 1.0)
    as_older(begun)  # the first state has no table that could be lost
    assert begun.changed(1) == (1, {"period": [3]})
    begun.append("s1", T)
    begun.append("s3", None, 9.0)
    assert begun.changed(1) == (3, {"period": [3], "photometry": [1]})
    assert list(next(lineage_of(begun.data).steps())) == ["period"]


def test_a_table_beside_which_the_state_came_again_is_that_of_the_first_time(begun):
    begun.append("s1", T[4:])
    as_older(begun)
    begun.append("s3", None, 9.0)
    begun.append("s3", None, 1.0)
    assert begun.changed(0) == (3, {"photometry": [1], "period": [3]})


def test_a_table_that_an_older_skybind_wrote_over_is_lost_in_a_sentence(taken_back):
    as_older(taken_back)
    with pytest.raises(DataError, match="an older skybind wrote over"):
        growth_since(taken_back.data, taken_back.states[0])
    assert taken_back.changed(2) == (1, {"period": [3]})  # what is left is of the last step
    (taken_back.folder / "lineage.json").unlink()  # as the sentence says
    taken_back.states = [taken_back.data.fingerprint]
    taken_back.append("s0", T + 50)
    assert taken_back.changed(0) == (1, {"photometry": [0]})


def test_a_check_reads_the_table_of_every_step(begun):
    begun.append("s3", None, 9.0)
    begun.append("s3", None, 1.0)
    assert check_folder(begun.folder).damages == []
    shutil.rmtree(begun.folder / "lineage")
    (damage,) = check_folder(begun.folder).damages
    assert damage.file == "lineage.json"
