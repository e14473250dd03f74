"""Tables of AstroM3: numbers known beforehand, and those of a small study."""

import itertools

import numpy as np
import pytest

from skybind.errors import DataError
from skybind.evaluation.records import CaseResult, SubsetTest
from skybind.measures.significance import difference_from_published, paired_difference
from skybind.reproduce import stars_tables as tables
from skybind.reproduce.published import ACCURACY, RUNS, SUBSETS


def case(accuracy, seed, pretrained, subset="full", modalities=("photometry",), own=None):
    return CaseResult(
        n_test=100, accuracy=accuracy, accuracy_error=0.0, balanced_accuracy=accuracy,
        balanced_accuracy_error=0.0, per_class=[accuracy], n_class=[100],
        classes=["EW"], confusion=[[100]], modalities=modalities, subset=subset,
        pretrained=pretrained, seed=seed,
        subset_test=None if own is None else SubsetTest(n=10, accuracy=own),
    )  # fmt: skip


SCRATCH, CLIP = [0.80, 0.82, 0.81], [0.90, 0.96, 0.89]


def test_gains_are_paired_over_the_seeds():
    cases = [case(value, seed, False) for seed, value in enumerate(SCRATCH)]
    cases += [case(value, seed, True) for seed, value in reversed(list(enumerate(CLIP)))]
    cases.append(case(0.1, 0, True).model_copy(update={"frozen": True}))  # another start
    exhibit = tables.clip_table(cases)
    (row,) = exhibit.table.rows
    words = [cell.text for cell in row]
    assert words[:5] == ["Photometry", "100 % of labels", "84.6 ± 6.3", "91.5 ± 0.4", "+6.8"]
    assert words[5:8] == ["81.0 ± 1.0", "91.7 ± 3.8", "+10.7"]
    p = paired_difference(CLIP, SCRATCH).p
    assert words[8] == f"{p:.3f}"
    assert p < 0.05
    assert row[6].kind == "strong"
    published = ACCURACY[("photometry",), "full"][1]
    assert words[9] == "+0.2"
    against = difference_from_published(CLIP, published.mean / 100, published.deviation / 100, RUNS)
    assert words[10] == f"{against.p:.3f}"


def test_a_loss_is_never_marked():
    cases = [case(value, seed, True) for seed, value in enumerate(SCRATCH)]
    cases += [case(value, seed, False) for seed, value in enumerate(CLIP)]
    (row,) = tables.clip_table(cases).table.rows
    assert row[7].text == "−10.7"
    assert all(cell.kind == "" for cell in row)


def test_subsets_are_tested_on_their_own_objects_and_on_all():
    cases = [case(0.7, 1, start, "10", own=0.6 + 0.1 * start) for start in (False, True)]
    assert [c.text for c in tables.subset_table(cases).table.rows[0]][5:8] == [
        "60.0", "70.0", "+10.0",
    ]  # fmt: skip
    whole = tables.whole_test_table(cases).table
    assert [c.text for c in whole.rows[0]][2:5] == ["70.0", "70.0", "0.0"]
    assert not any("ublished" in name for name in whole.header)


def test_one_seed_has_no_significance():
    cases = [case(0.5, 1, False), case(0.9, 1, True)]
    row = [c.text for c in tables.clip_table(cases).table.rows[0]]
    assert row[5:9] == ["50.0", "90.0", "+40.0", "–"]
    assert row[10] == "–"


def test_a_table_without_any_classifier_is_absent():
    with pytest.raises(DataError, match="No classifier"):
        tables.clip_table([])


def test_objects_are_counted_as_the_run_splits_them(stars):
    run, exhibit = stars.run, tables.distribution_table(stars.run)
    header, rows = exhibit.table.header, exhibit.table.rows
    assert header[1:3] == ["Train, full", "Train, 50 %"]
    for row in rows:
        code = run.classes.index(row[0].text)
        parts = itertools.product(("train", "validation", "test"), SUBSETS)
        for place, (part, subset) in enumerate(parts, start=1):
            n = (run.labels[run.rows(part, subset)] == code).sum()
            assert row[place].text.split(" ")[0] == f"{n:,}"
    assert rows[0][0].text == "EW"
    assert rows[0][1].text.endswith("(4,890)")


def test_classes_and_features_are_those_of_the_dataset(stars):
    classes = tables.class_table(stars.run).table
    assert classes.rows[0][2].text == "6,168"
    total = sum(int(row[4].text.replace(",", "")) for row in classes.rows[:-1])
    assert classes.rows[-1][4].text == f"{total:,}" == f"{(stars.run.labels >= 0).sum():,}"
    features = tables.feature_table(stars.run).table
    assert len(features.rows) == 34
    train = stars.run.rows("train")
    mean = np.nanmean(stars.run.dataset.numbers("mean_vmag")[train])
    assert float(features.rows[0][3].text) == pytest.approx(mean, rel=0.01)


def test_the_importance_is_the_mean_of_the_seeds_on_the_half(stars):
    from skybind.evaluation.classes import importance
    from skybind.runs.cases import finished_cases, widest_case

    runs = [one.run for one in stars.runs]
    assert [run.config.seed for run in runs] == [1, 2]
    exhibit = tables.importance_table(runs)
    found = [importance(run, widest_case(finished_cases(run)), "50") for run in runs]
    assert exhibit.table.rows[-1][1].text == str(sum(one.n_test for one in found))
    shown = float(exhibit.table.rows[-1][2].text.split(" ")[0])
    assert shown == pytest.approx(100 * np.mean([one.average[0] for one in found]), abs=0.05)
    assert exhibit.table.rows[-1][2].text.endswith("(88.8)")


def test_outliers_are_counted(stars):
    exhibit = tables.outlier_table(stars.discoveries)
    assert len(exhibit.table.rows) == len(stars.discoveries.outliers.flagged)
