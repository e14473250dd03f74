import numpy as np
import pytest

from skybind.drawing import cloud
from skybind.drawing.cloud import draw_cloud
from skybind.drawing.style import new_figure


@pytest.fixture
def axes():
    return new_figure(2.0, 2.0).subplots()


def test_few_objects_are_points(axes):
    draw_cloud(axes, np.arange(5.0), np.arange(5.0), "#123456", s=3, label="five")
    assert not axes.images
    assert len(axes.collections[0].get_offsets()) == 5


def test_many_objects_are_a_density_where_they_lie(axes, monkeypatch):
    monkeypatch.setattr(cloud, "POINTS", 100)
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 0.01, 500), [10.0, np.nan]])
    y = np.concatenate([rng.normal(0, 0.01, 500), [4.0, 0.0]])
    draw_cloud(axes, x, y, "#ff0000", alpha=0.5, s=3, label="many")
    (image,) = axes.images
    left, right, low, high = image.get_extent()
    assert (right, high) == (10.0, 4.0)
    assert left < 0.1
    assert low < 0.1
    shown = np.asarray(image.get_array())
    assert shown[-1, -1, 3] > 0  # the one far away is seen
    assert shown[..., 3].max() == pytest.approx(0.5)  # where most are
    assert shown[: cloud.CELLS // 4, : cloud.CELLS // 4, 3].max() == pytest.approx(0.5)
    assert shown[cloud.CELLS // 2, cloud.CELLS // 2, 3] == 0
    assert [text.get_label() for text in axes.collections] == ["many"]
