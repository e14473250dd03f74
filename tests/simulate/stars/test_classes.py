import numpy as np
import pytest

from skybind.simulate.stars.classes import (
    ALL_CLASSES,
    CLASSES,
    OTHER_CLASSES,
    draw_classes,
    new_stars,
)


def test_counts_are_the_papers():
    assert sum(c.weight for c in CLASSES.values()) == 21440
    assert list(CLASSES)[:3] == ["EW", "SR", "EA"]
    assert set(OTHER_CLASSES) == {"RRD", "DCEP", "DCEPS", "SRD", "ROT:", "VAR"}


def test_proportions():
    names = draw_classes(40000, 0.05, np.random.default_rng(0))
    inside = np.isin(names, list(CLASSES))
    assert np.mean(~inside) == pytest.approx(0.05, abs=0.005)
    for name, star_class in CLASSES.items():
        share = star_class.weight / 21440
        assert np.mean(names[inside] == name) == pytest.approx(share, abs=4e-2 * share + 2e-3)


def test_wrong_labels_name_other_classes_that_exist():
    for name, star_class in ALL_CLASSES.items():
        assert set(star_class.confused_with) <= set(CLASSES) - {name}


def test_new_stars_have_one_value_an_object():
    stars = new_stars(np.array(["EW", "M", "SR"]))
    assert {v.shape for v in stars.values()} == {(3,)}
