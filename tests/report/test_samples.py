"""What was measured on a sample says so on the page, and is set beside nothing else."""

from skybind.evaluation.records import RetrievalRival
from skybind.evaluation.samples import Sample
from skybind.report.retrieval import compared_among, retrieval_section
from skybind.report.sections import dataset_section
from tests.report.made_up import changed


def rivals(run, n):
    entry = run.metrics.retrieval[0]
    told = {**dict(entry), "n": n, "method": "brightness alone", "matched": None}
    return [RetrievalRival(**told, matched_by=None)]


def compared(run, n):
    changed(run, retrieval_rivals=rivals(run, n))
    return run


def test_methods_on_all_test_objects_stand_in_the_figure(run):
    whole = compared(run, run.metrics.retrieval[0].n)
    assert compared_among(whole.metrics) is None
    assert "Cross: brightness alone." in retrieval_section(whole).blocks[0].caption


def test_methods_on_a_sample_stand_in_their_own_table_alone(run):
    blocks = retrieval_section(compared(run, 37)).blocks
    assert "brightness alone" not in blocks[0].caption
    assert "Among 37 test objects drawn by the seed" in blocks[-1].caption


def test_samples_are_a_table_of_the_data(run):
    taken = [Sample(what="test objects on a map", n=4000, of=100_000)]
    changed(run, samples=[])
    of_all = dataset_section(run)
    changed(run, samples=taken)
    some = dataset_section(run)
    assert len(some.blocks) == len(of_all.blocks) + 1
    block = some.blocks[-1]
    assert "drawn by the seed" in block.caption
    assert [cell.text for cell in block.table.rows[0]] == [
        "Test objects on a map", "4,000", "100,000",
    ]  # fmt: skip
