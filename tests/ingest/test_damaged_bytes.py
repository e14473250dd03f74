"""Bytes changed at random, in every kind of file: an error of skybind or none, never another."""

import contextlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from skybind.data.check import check_dataset
from skybind.data.info import dataset_info
from skybind.data.splits import Split, random_split
from skybind.errors import SkybindError
from tests.broken import everything
from tests.data.test_broken_datasets import part, write_dataset
from tests.faults.harm import damaged
from tests.ingest.test_broken_inputs import EPOCHS, STARS, Survey, lamost, table_of_format
from tests.ingest.test_survey import objects_table, write_table


def survive(action, *arguments) -> None:
    with contextlib.suppress(SkybindError):
        action(*arguments)


def import_survey(survey: Survey) -> None:
    out = survey.run()
    assert check_dataset(out) == []
    everything(out)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("suffix", ["csv", "ecsv", "fits", "vot", "parquet"])
def test_tables_of_objects(tmp_path, suffix, seed):
    write_table(objects_table(), tmp_path / f"good.{suffix}")
    survey = Survey(tmp_path)
    content = damaged((tmp_path / f"good.{suffix}").read_bytes(), np.random.default_rng(seed))
    table_of_format(suffix, content)(survey)
    survey.mapping["objects"] = {"file": f"stars.{suffix}", "id": "name", "ra": "ra_deg"}
    del survey.mapping["spectrum"]
    survive(import_survey, survey)


@pytest.mark.parametrize("seed", range(25))
def test_everything_of_a_survey_at_once(tmp_path, seed):
    rng = np.random.default_rng(seed)
    survey = Survey(tmp_path)
    survey.write("stars.csv", damaged(STARS.encode(), rng) if seed % 3 == 0 else STARS)
    survey.write("epochs.csv", damaged(EPOCHS.encode(), rng))
    survey.write("spectra/a.fits", damaged(lamost(), rng))
    survive(import_survey, survey)


@pytest.mark.parametrize("seed", range(25))
def test_mappings(tmp_path, seed):
    import yaml

    survey = Survey(tmp_path)
    text = yaml.safe_dump(survey.mapping).encode()
    survey.write("m.yaml", damaged(text, np.random.default_rng(seed)))
    survive(import_survey, survey)


@pytest.mark.parametrize("seed", range(30))
def test_datasets_and_splits(tmp_path, seed):
    rng = np.random.default_rng(seed)
    path = write_dataset(tmp_path)
    split = path / "splits" / "s.parquet"
    random_split(np.array(["a", "b"])).write(split)
    part(path).write_bytes(damaged(part(path).read_bytes(), rng))
    split.write_bytes(damaged(split.read_bytes(), rng))
    for action in (check_dataset, dataset_info, everything):
        survive(action, path)
    survive(Split.read, split)
    shutil.rmtree(Path(path))
