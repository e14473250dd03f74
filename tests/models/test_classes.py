import numpy as np
import pyarrow as pa

from skybind.models.classes import class_notes, class_table
from skybind.models.inference import Decided
from skybind.models.reference import Reference
from skybind.models.reliability import Calibration, Reliability

NONE = np.nan
LOGITS = np.array([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0], [NONE] * 3, [0.0, 0.0, 4.0]], np.float32)
PRESENT = {
    "photometry": np.array([True, True, False, False]),
    "spectrum": np.array([True, False, False, True]),
}
REASONS = {
    "photometry": np.array(["", "", "no finite epoch", ""]),
    "spectrum": np.array(["", "too short", "", ""]),
}
IDS = np.array(["a", "b", "c", "d"])
CLASSES = ["EW", "RRAB", "M"]


def table(temperature=None):
    decided = Decided({("photometry", "spectrum"): LOGITS}, {}, PRESENT)
    reliability = None
    if temperature is not None:
        nothing = Reference({}, {}, np.zeros(0, bool), np.zeros(0, np.uint64))
        calibration = Calibration(temperature=temperature, n_objects=9, left_out={"SRD": 4})
        reliability = Reliability(calibration, nothing)
    return class_table(CLASSES, reliability, IDS, decided, REASONS)


def test_one_row_an_object_in_their_order_with_probabilities_that_add_up():
    made = table()
    assert made["object_id"].to_pylist() == ["a", "b", "c", "d"]
    assert made["class"].to_pylist() == ["EW", "RRAB", None, "M"]
    p = np.stack([made[f"p_{name}"].to_numpy() for name in CLASSES], axis=1)
    np.testing.assert_allclose(p[[0, 1, 3]].sum(axis=1), 1, rtol=1e-6)
    # softmax of (2, 0, -1) by hand
    np.testing.assert_allclose(p[0], [0.843795, 0.114195, 0.042010], atol=1e-6)
    np.testing.assert_allclose(made["probability"].to_numpy()[[0, 1, 3]], p[[0, 1, 3]].max(axis=1))
    assert np.isnan(p[2]).all()


def test_each_set_of_modalities_has_its_temperature():
    made = table({"photometry+spectrum": 2.0, "photometry": 0.5, "spectrum": 4.0})
    even = np.exp([2 / 2, 0, -1 / 2])
    np.testing.assert_allclose(made["p_EW"].to_numpy()[0], even[0] / even.sum(), rtol=1e-6)
    alone = np.exp([0, 1 / 0.5, 0])
    np.testing.assert_allclose(made["p_RRAB"].to_numpy()[1], alone[1] / alone.sum(), rtol=1e-6)
    spectrum = np.exp([0, 0, 4 / 4])
    np.testing.assert_allclose(made["p_M"].to_numpy()[3], spectrum[2] / spectrum.sum(), rtol=1e-6)


def test_it_tells_what_was_there_and_why_something_is_missing():
    made = table()
    assert made["modalities"].to_pylist() == ["photometry+spectrum", "photometry", "", "spectrum"]
    assert made["reason"].to_pylist() == [
        None,
        "spectrum: too short",
        "photometry: no finite epoch; spectrum: not observed",
        None,
    ]


def test_fields_say_what_they_are():
    described = {f.name: f.metadata[b"description"].decode() for f in table().schema}
    assert described["p_M"] == "Probability of the class M, not calibrated"
    assert all(described.values())
    calibrated = table({}).schema.field("p_M").metadata[b"description"].decode()
    assert calibrated == "Probability of the class M, calibrated on validation objects"
    assert table().schema.field("probability").type == pa.float32()


def test_notes_tell_what_the_table_cannot():
    nothing = Reference({}, {}, np.zeros(0, bool), np.zeros(0, np.uint64))
    known = Reliability(Calibration(temperature={}, n_objects=9, left_out={"SRD": 4}), nothing)
    said = " ".join(class_notes(CLASSES, known, 10, 2))
    assert "2 of 10 objects have no class" in said
    assert "SRD (4)" in said
    assert "not calibrated" in class_notes(CLASSES, None, 10, 0)[0]
    complete = Reliability(Calibration(temperature={}, n_objects=9), nothing)
    assert class_notes(CLASSES, complete, 10, 0) == []
