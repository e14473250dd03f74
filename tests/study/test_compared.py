"""Tables over seeds, with made-up accuracies."""

from types import SimpleNamespace

import pytest

from skybind.study.compared import (
    accuracy_by_start,
    compared_configurations,
    gains,
    over_seeds,
    words_of_tests,
)

SEEDS = (42, 0, 66, 12, 123)


def entry(accuracy, seed, start="From scratch", subset="full"):
    return SimpleNamespace(
        modalities=("spectrum",), subset=subset, start=start, seed=seed, accuracy=accuracy
    )


@pytest.fixture
def entries():
    """Pre-training brings 5 to 7 % with a tenth of the labels, nothing with all."""
    made = []
    for place, seed in enumerate(SEEDS):
        made += [
            entry(0.80 + 0.01 * place, seed),
            entry(0.82 - 0.01 * place + 0.03 * (place % 2), seed, "Pre-trained"),
            entry(0.60 + 0.01 * place, seed, subset="10"),
            entry(0.65 + 0.01 * place + 0.005 * (place % 3), seed, "Pre-trained", "10"),
        ]
    return made


def test_what_differs_by_more_than_chance_alone_is_marked(entries):
    table = accuracy_by_start(entries)
    assert table.header == ["Modalities", "Start", "100 % of labels", "10 % of labels"]
    scratch, pretrained = table.rows
    assert [cell.text for cell in scratch[2:]] == ["82.0 ± 1.6", "62.0 ± 1.6"]
    assert [(cell.kind, cell.mark) for cell in pretrained[2:]] == [("", ""), ("strong", "▲")]


def test_gains_are_paired_by_seed(entries):
    table = gains(entries[::-1])
    full, tenth = table.rows
    assert [cell.text for cell in full[:4]] == ["Spectrum", "100 % of labels", "Pre-trained", "5"]
    assert tenth[4].text == "+5.4 ± 0.4"
    assert tenth[4].kind == "strong"
    assert tenth[7].text == "0.062"  # 1/16: signs of five pairs tell no more
    assert "paired t test: of 5 pairs signs alone reach p = 0.0625 at best" in words_of_tests(
        entries
    )


def test_configurations_are_compared_with_the_first_by_seed(entries):
    better = [entry(one.accuracy + 0.02, one.seed, one.start, one.subset) for one in entries]
    worse = [
        entry(one.accuracy - 0.02 - 0.001 * place, one.seed, one.start, one.subset)
        for place, one in enumerate(entries)
    ]
    metrics = {
        name: SimpleNamespace(classification=own)
        for name, own in (("a", entries), ("b", better), ("c", worse))
    }
    table = compared_configurations(metrics)
    assert table.header[3:] == ["a", "b", "c"]
    for row in table.rows:
        assert row[3].mark == ""
        assert row[4].mark == ""  # all differ by the same: signs of five pairs do not reach 0.05
        assert row[5].mark == "▼"


def test_seeds_that_agree_do_not_say_that_a_share_is_known_exactly():
    assert over_seeds({1: 1.0, 2: 1.0}).text == "100.0"
    assert over_seeds({1: 0.9, 2: 0.8}).text == "85.0 ± 7.1"
