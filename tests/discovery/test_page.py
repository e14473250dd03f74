import dataclasses
import re

import numpy as np
import pytest

from skybind.discovery.page import write_discover_page
from skybind.discovery.page_data import DiscoverData, Neighbour, ObjectPage, StructureView
from skybind.discovery.page_tables import comparison_table, detection_table, part_table
from skybind.discovery.records import (
    ClassParts,
    Comparison,
    DetectionResult,
    DiscoverRecord,
    FlagCounts,
)
from skybind.drawing.observed import ExampleObject, Spectrum
from skybind.evaluation.records import Metrics
from skybind.report.build import build_report
from skybind.report.data import ReportData

COMPARED = Comparison.model_validate(
    {
        "measure": "accuracy",
        "method": "k-NN",
        "groups": ["EW", "none"],
        "combinations": [["a"], ["b"], ["a", "b"]],
        "n": [40, 0],
        "value": [[0.5, 0.4, 0.9], [None] * 3, [0.5, 0.4, 0.9]],
        "error": [[0.1, 0.1, 0.05], [None] * 3, [0.1, 0.1, 0.05]],
        "change": [[None, None, 0.4], [None] * 3, [None, None, 0.4]],
        "p_value": [[None, None, 0.002], [None] * 3, [None, None, 0.2]],
    }
)


def changed(record, **fields):
    return type(record).model_validate({**record.plain(), **fields})


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    spectrum = Spectrum(np.linspace(4000, 9000, 100), rng.normal(size=100))
    page = ObjectPage(
        rank=1,
        suspicion=3.2,
        reasons="labelled EW, but 100 % of the neighbours' votes say EA",
        suggested="EA",
        example=ExampleObject("STAR<1>", split="test", true_class="EW", spectrum=spectrum),
        catalogue={"period": "0.3 d"},
        neighbours=[Neighbour("STAR2", 0.9, "EA", "train", {"redshift": "0.1"})],
    )
    structure = ClassParts.model_validate({
        "class": "EW", "modality": "all", "k": 2, "n": 50, "n_doubted": 3, "p_value": 0.01,
        "silhouette": {"2": 0.4}, "sizes": [30, 20], "columns": [[], []],
        "adjusted_rand_index": {"subtype": 0.9},
    })  # fmt: skip
    record = DiscoverRecord(
        seed=1,
        n_objects=100,
        simulated=False,
        classes=["EA", "EW"],
        modalities=["a", "b"],
        outliers=FlagCounts(percentile=99.0, n_scored=100, flagged={"label doubted": 7}),
        structure=[structure],
        importance=[COMPARED],
    )
    part = np.repeat([0, 1], [30, 20])
    return DiscoverData(
        title="Discoveries",
        record=record,
        position=rng.normal(size=(100, 2)),
        label=np.full(100, "EW"),
        objects=[page],
        structures=[StructureView(structure, part, rng.normal(size=(50, 2)))],
    )


def test_doubted_labels_that_are_right_are_an_estimate_and_no_bound(data, tmp_path):
    flagged = changed(data.record.outliers, labels_right=4)
    data = dataclasses.replace(data, record=changed(data.record, outliers=flagged.plain()))
    page = write_discover_page(data, tmp_path).read_text()
    assert "Of the 7 labels doubted about 4 are right, if labels are wrong as often" in page
    assert "at least 4" not in page


def test_labels_are_not_doubted_without_a_word_on_how_many_are_right(data, tmp_path):
    page = write_discover_page(data, tmp_path).read_text()
    assert "Labels doubted may be right" in page
    assert "of which some may be right: how many cannot be said of so few" in page
    nothing = changed(data.record.outliers, flagged={})
    of_few = dataclasses.replace(data, record=changed(data.record, outliers=nothing.plain()))
    page = write_discover_page(of_few, tmp_path).read_text()
    assert "No label is doubted: fewer than 32 training objects have one." in page
    assert "may be right" not in page


def test_nothing_has_a_negative_zero(data, tmp_path):
    data.objects[0].suspicion = -0.001
    page = write_discover_page(data, tmp_path).read_text()
    assert "suspicion 0.00." in page
    assert "-0.0" not in page


def test_the_page_is_whole_and_escaped(data, tmp_path):
    page = write_discover_page(data, tmp_path).read_text()
    assert "STAR&lt;1&gt;" in page
    assert "STAR<1>" not in page
    for words in ("Real observations.", "votes say EA", "0.90 (subtype)", "0.3 d", "redshift"):
        assert words in page
    assert "All classes of the catalogue are in use." in page
    assert "Planted faults" not in page


def test_agreement_with_the_truth_stands_only_where_there_is_one(data, tmp_path):
    data.structures[0].record = changed(data.structures[0].record, adjusted_rand_index={})
    page = write_discover_page(data, tmp_path).read_text()
    assert "Left out as doubted" in page
    assert "Adjusted Rand" not in page
    assert 'class="small"' in page  # a map alone is narrow: several stand side by side


def test_of_two_parts_the_second_is_not_told_again(data):
    column = {"column": "b_v", "value": "", "inside": 1.2, "outside": 0.4, "p_value": 1e-9}
    survey = {**column, "column": "survey", "value": "north", "effect": 3.0}
    columns = [[{**column, "effect": 2.0}], [{**column, "effect": -2.0}, survey], []]
    record = data.structures[0].record
    two = changed(record, columns=columns[:2])
    rows = [[cell.text for cell in row[:2]] for row in part_table(two).rows]
    assert rows == [["0", "b_v"], ["1", "survey = north"]]
    assert len(part_table(changed(record, k=3, columns=columns)).rows) == 3


def test_arrows_are_bold_where_they_are_significant():
    table = comparison_table(COMPARED)
    assert len(table.rows) == 1  # the empty group and the average over one are left out
    better = table.rows[0][-1]
    assert (better.text, better.mark) == ("90.0 ± 5.0", "▲")
    assert better.kind.split() == ["better", "strong"]
    assert table.rows[0][2].kind == ""


def test_shares_stay_within_their_bounds_and_r2_does_not():
    sure = {"value": [[1.0, 0.0, 1.0], [None] * 3, [1.0, 0.0, 1.0]]}
    row = comparison_table(changed(COMPARED, **sure)).rows[0]
    told = ["100.0 +0.0 −20.0", "0.0 +20.0 −0.0", "100.0 +0.0 −10.0"]
    assert [cell.text for cell in row[2:]] == told
    poor = changed(COMPARED, measure="regression", value=[[-0.2, 0, 1], [None] * 3, [0, 0, 0]])
    assert comparison_table(poor).rows[0][2].text == "-20.0 ± 10.0"


def test_an_average_is_not_bold_because_it_is_the_last_row(data, tmp_path):
    two = {"n": [40, 30], "value": [[0.5, 0.4, 0.9]] * 3, "error": [[0.1, 0.1, 0.05]] * 3}
    compared = changed(COMPARED, **two)
    record = changed(data.record, importance=[compared.plain()])
    page = write_discover_page(dataclasses.replace(data, record=record), tmp_path).read_text()
    average = re.search(r'<tr class="total">.*?</tr>', page)[0]
    assert "Average" in average
    assert "strong" not in average
    rules = dict(re.findall(r"^([^{}]+) \{([^}]*)\}$", page, re.M))
    assert "font-weight" not in rules["tr.total td"]
    assert "font-weight" in rules["td.strong"]


def test_the_score_made_for_a_kind_is_named():
    entry = DetectionResult(
        kind="wrong_label",
        method="skybind",
        score="label",
        n=250,
        n_planted=5,
        average_precision=0.7,
        roc_auc=0.9,
        precision=0.6,
        recall=0.6,
        share=0.02,
        designated=True,
    )
    (row,) = detection_table([entry]).rows
    assert [cell.text for cell in row[:3]] == ["wrong_label", "skybind, made for it", "label"]


def test_report_and_discoveries_name_each_other(data, tmp_path):
    assert 'href="report.html"' not in write_discover_page(data, tmp_path).read_text()
    build_report(ReportData(Metrics()), tmp_path / "report.html")
    assert 'href="discover.html"' not in (tmp_path / "report.html").read_text()
    assert 'href="report.html"' in write_discover_page(data, tmp_path).read_text()
    links = [("discover.html", "Discoveries")]
    build_report(ReportData(Metrics(), links=links), tmp_path / "report.html")
    assert '<a href="discover.html">Discoveries</a>' in (tmp_path / "report.html").read_text()


def test_that_nobody_is_suspected_and_no_class_is_in_use_is_said(data, tmp_path):
    record = changed(data.record, classes=[])
    none = dataclasses.replace(data, objects=[], record=record)
    page = write_discover_page(none, tmp_path).read_text()
    assert "No object has a reason to be suspected" in page
    assert "The most suspect objects" not in page
    assert "No class of the catalogue is in use" in page


def test_a_class_that_no_division_leaves_large_enough_has_no_parts(data, tmp_path):
    view = data.structures[0]
    record = changed(view.record, silhouette={"2": -1.0}, sizes=[46, 4], p_value=1.0)
    whole = dataclasses.replace(data, structures=[dataclasses.replace(view, record=record)])
    page = write_discover_page(whole, tmp_path).read_text()
    assert "every division leaves fewer than five objects" in page
    assert "-1.00" not in page
    assert "46 + 4" not in page
