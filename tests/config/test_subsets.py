import pytest

from skybind.config.subsets import (
    Subset,
    is_subset,
    labels_of_subset,
    read_subset,
    short_subset,
    subset_order,
)


@pytest.mark.parametrize(
    ("name", "subset", "short", "words"),
    [
        ("10", Subset(percentage=10), "10 %", "10 % of labels"),
        ("2.50", Subset(percentage=2.5), "2.5 %", "2.5 % of labels"),
        (".5", Subset(percentage=0.5), "0.5 %", "0.5 % of labels"),
        ("5-each", Subset(each=5), "5 each", "5 labels a class"),
        ("1-each", Subset(each=1), "1 each", "1 label a class"),
    ],
)
def test_what_a_name_says(name, subset, short, words):
    assert read_subset(name) == subset
    assert is_subset(name)
    assert (short_subset(name), labels_of_subset(name)) == (short, words)


@pytest.mark.parametrize(
    "name",
    [
        "full",
        "",
        "0",
        "100",
        "-5",
        "1e1",
        "٣",
        "0-each",
        "05-each",
        "5-Each",
        "../5-each",
        "5-each/",
    ],
)
def test_what_is_no_subset(name):
    assert not is_subset(name)
    with pytest.raises(ValueError, match="a subset is a percentage"):
        read_subset(name)


def test_the_order_is_that_of_the_number_of_labels():
    ordered = ["full", "50", "10", "0.1", "100-each", "5-each", "1-each"]
    assert sorted(sorted(ordered), key=subset_order, reverse=True) == ordered
    assert (short_subset("full"), labels_of_subset("full")) == ("100 %", "100 % of labels")
