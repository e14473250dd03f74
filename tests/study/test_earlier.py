"""A study on data that change in place is made again, and the old is kept aside."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from skybind.data.dataset import Dataset
from skybind.evaluation.records import read_metrics
from skybind.runs.layout import RunPaths
from skybind.study import Study, do_study
from skybind.study.options import simulate
from skybind.study.plan import make_plan
from skybind.study.work import DONE, TODO, states_of


@pytest.fixture
def own_data(tiny, tmp_path):
    """A study of one seed on a dataset of the user's own."""
    simulate(tiny.simulate, tmp_path / "data")
    return tiny.model_copy(
        update={
            "simulate": None,
            "data": str(tmp_path / "data"),
            "seeds": [42],
            "subsets": ["full"],
        }
    )


def change_labels(folder):
    """Give every object of the most common class another label, in place."""
    (part,) = (folder / "objects").glob("part-*.parquet")
    table = pq.read_table(part)
    place = table.schema.get_field_index("label")
    values = table["label"]
    counts = sorted(pc.value_counts(values).to_pylist(), key=lambda e: -e["counts"])
    old, new = (entry["values"] for entry in counts[:2])
    changed = [new if value == old else value for value in values.to_pylist()]
    column = pa.array(changed, table.schema.field("label").type)
    pq.write_table(table.set_column(place, table.schema.field("label"), column), part)
    return old, new


def test_data_that_change_in_place_have_all_made_again(own_data, tmp_path):
    folder, data = tmp_path / "study", tmp_path / "data"
    first = do_study(own_data, folder)
    study = Study.open(folder)
    plan = make_plan(study)
    assert {state.state for state in states_of(study, plan).values()} == {DONE}
    was = Dataset.open(data).fingerprint
    before = first.study.metrics("small")
    old, new = change_labels(data)
    stands = Dataset.open(data).fingerprint
    assert stands != was
    assert {state.state for state in states_of(study, plan).values()} == {TODO}
    again = do_study(own_data, folder)
    assert not again.failed
    assert not again.missing
    after = again.study.metrics("small")
    assert after.dataset.fingerprint == stands
    counts = before.dataset.class_counts
    expected = {**counts, new: counts[old] + counts[new]}
    del expected[old]
    assert after.dataset.class_counts == expected
    page = again.page.read_text()
    assert stands in page
    assert was not in page
    kept = RunPaths(folder / "earlier" / was / "runs/small/seed-42")
    assert read_metrics(kept.metrics).dataset.fingerprint == was
    # nothing is left to do
    notes = {path: path.read_bytes() for path in (folder / "units").rglob("*.json")}
    do_study(own_data, folder)
    assert {path: path.read_bytes() for path in notes} == notes
