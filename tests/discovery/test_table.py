"""What the table of outliers suggests and flags."""

import numpy as np
import pytest

from skybind.discovery.measures.density import WholeClusters
from skybind.discovery.measures.label_doubt import LabelDoubt
from skybind.discovery.table import OutlierTable


@pytest.fixture
def table():
    """Of five objects, of which the neighbours say A, B, B, B and nothing."""
    none = np.zeros(5, bool)
    votes = np.array([[1, 0], [0.1, 0.9], [0.5, 0.5], [0.2, 0.8], [np.nan, np.nan]])
    doubt = LabelDoubt(
        suggested=np.array([0, 1, 1, 1, -1]),
        support=np.array([1, 0.9, 0.5, 0.8, np.nan]),
        own=np.array([1, 0.1, 0.5, np.nan, np.nan]),
        doubt=np.array([-1, 0.8, 0.0, np.nan, np.nan]),
        votes=votes,
    )
    return OutlierTable(
        object_id=np.array(list("abcde")),
        part=np.full(5, "test"),
        label=np.array(["A", "A", "A", "", "A"]),
        classes=["A", "B"],
        centroids=None,
        doubt=doubt,
        periods=None,
        targets=[],
        outside=none,
        whole=WholeClusters(0.1, np.zeros(5, int), none, none),
        isolation={},
        density={},
        distance={},
        disagreement={},
        suspicion=np.array([0.1, 3.0, 0.2, 0.2, 0.0]),
        reasons=[""] * 5,
    )


def test_another_class_is_suggested_only_where_the_label_is_doubted(table):
    # not where the neighbours agree or are divided, nor where there is no label or observation
    assert table.suggested().tolist() == ["", "B", "", "", ""]
    assert table.flags()["label doubted"].tolist() == [False, True, False, False, False]
    rows = table.to_arrow().to_pylist()
    assert [row["object_id"] for row in rows] == list("bcdae")
    assert [row["suggested_label"] for row in rows] == ["B", "", "", "", ""]


def test_without_classes_nothing_is_suggested(table):
    table.doubt, table.classes = None, []
    assert table.suggested().tolist() == [""] * 5
    assert "label doubted" not in table.flags()
