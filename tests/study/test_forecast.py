"""How long a study takes, measured on some objects."""

import pytest

from skybind.locks import Holder
from skybind.study import Study, forecast
from skybind.study.forecast import Speed, look_at, measured_times, words_of
from skybind.study.plan import make_plan
from skybind.study.status import Count, StudyStatus
from skybind.study.units import Unit


@pytest.fixture
def study(tiny, stars, tmp_path):
    """On a survey of 400 stars that stands there; its epochs are counted, not done."""
    return Study.begin(
        tiny.model_copy(update={"data": str(stars), "simulate": None}), tmp_path / "study"
    )


def test_units_get_the_time_of_the_objects_that_they_look_at():
    tuned = {"photometry": 1.0, "spectrum": 0.5, "a-b": 3.0}
    speed = Speed(0.1, 0.2, 0.3, 0.4, tuned, {"spectrum": 2.0})

    def time(kind, amount, case=""):
        return speed.of(Unit("x", kind, amount=amount, case=case))

    assert time("pretrain", 10) == pytest.approx(3)
    assert time("finetune", 10, "spectrum-full-scratch") == pytest.approx(5)
    assert time("finetune", 10, "photometry+spectrum-5-each-pretrained") == pytest.approx(15)
    assert time("finetune", 10, "a-b-50-scratch") == pytest.approx(30)
    assert time("backbone", 10, "spectrum") == pytest.approx(20)
    assert time("backbone", 10, "photometry") is None
    assert time("evaluate", 10) == pytest.approx(4)  # each is embedded by the classifiers
    assert time("evaluate", 0) is None
    assert time("report", 10) is None


def test_a_short_study_is_not_measured(study):
    assert measured_times(study) == {}
    assert not (study.folder / "measured").exists()


def test_a_long_study_is_measured_once(study, monkeypatch):
    monkeypatch.setattr(forecast, "SHORT", 0)
    found = measured_times(study)
    plan = {unit.id: unit for unit in make_plan(study)}
    kinds = {plan[name].kind for name in found}
    assert kinds == {"prepare", "pretrain", "finetune", "embed", "evaluate"}
    assert all(0 < seconds < 600 for seconds in found.values())
    full = found["small/seed-42/finetune/metadata-full-scratch"]
    half = found["small/seed-42/finetune/metadata-50-scratch"]
    assert half == pytest.approx(full / 2)
    monkeypatch.setattr(forecast, "measure", None)  # what was measured is read
    assert measured_times(study) == found
    status = look_at(study)
    assert status.left == pytest.approx(sum(found.values()))
    assert status.unknown == ["report", "what is evaluated beside the classifiers"]
    # measured elsewhere: it will do for who only looks, and not for who computes here
    (file,) = (study.folder / "measured").iterdir()
    file.rename(file.with_name(f"{file.stem[:-1]}x.json"))
    assert measured_times(study, here=False) == found
    with pytest.raises(TypeError):
        measured_times(study, here=True)


def test_the_time_left_is_divided_among_machines_and_says_what_it_lacks():
    count = Count("a", "pretrain", 0, 0, 0, 2, 0.0, 7200.0)
    holders = {"x": Holder("h", 1, ""), "y": Holder("h", 2, ""), "z": Holder("i", 1, "")}
    one = StudyStatus([count], {}, {}, 0.0, 7200.0, [])
    assert words_of(one) == "time left: at most 2 h 0 min."
    two = StudyStatus([count], holders, {}, 0.0, 7200.0, ["evaluate"])
    assert words_of(two) == (
        "time left: at most 1 h 0 min on the 2 machines that are at work (evaluate not counted: "
        "none was done yet)."
    )
    nothing = StudyStatus([], {}, {}, 0.0, 0.0, [])
    assert words_of(nothing) == "nothing is left to do."
