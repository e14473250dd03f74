"""Numbers that no mapping declares missing and that look so: told, however the import is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.ingest import survey
from skybind.ingest.ends import Ends, ends_notes, error_notes
from skybind.ingest.preview.values import suspects
from skybind.ingest.survey import import_dataset


def merged(values, cuts):
    total = Ends()
    for part in np.split(values, sorted(cuts)):
        total.add(Ends(**Ends.of(part).to_json()))
    return total


@given(
    st.sampled_from([-99.0, -999.0, 99.99, 9999.0, 1e30, -32768.0]),
    st.integers(2, 40),
    st.floats(-20, 20),
    st.floats(0.01, 8),
    st.lists(st.integers(1, 139), max_size=4, unique=True),
)
@settings(max_examples=60, deadline=None)
def test_chunks_tell_what_the_whole_tells(sentinel, n, middle, spread, cuts):
    rng = np.random.default_rng(n)
    values = rng.permutation(np.append(rng.normal(middle, spread, 100), [sentinel] * n))
    assert merged(values, cuts).suspects() == suspects(values)


@given(st.lists(st.integers(0, 90), min_size=1, max_size=200), st.integers(1, 150))
@settings(max_examples=60, deadline=None)
def test_counts_are_left_alone(values, cut):
    found = merged(np.asarray(values, float), [min(cut, len(values))])
    assert [s for s in found.suspects() if s.value != "0"] == []


def test_a_sentinel_of_one_chunk_may_be_a_number_of_another():
    total = Ends.of(np.append(np.linspace(1, 5, 50), [99.0, 99.0]))
    assert [s.value for s in total.suspects()] == ["99"]
    total.add(Ends.of(np.linspace(1, 200, 400)))
    assert total.suspects() == []


def test_sentinels_are_told_in_the_unit_of_the_file():
    kept = np.append(np.linspace(1, 2, 50), [-999e3] * 4)
    (note,) = ends_notes(Ends.of(kept, "mJy", "Jy"), "flux", "photometry")
    assert "photometry: 'flux' has 4 values of -999:" in note


@pytest.mark.parametrize(("error", "told"), [(0.02, False), (20.0, True)])
def test_errors_in_mmag_are_noticed(error, told):
    found = merged(error * np.linspace(0.5, 2, 30), [10])
    assert bool(error_notes(found, "photometry")) == told


LONG = "id,t,f\n" + "".join(
    f"{star},{55000.5 + i},{[0.001, 0.0012, -999, 0.0011, 0.0013, -999][i]}\n"
    for star in "abcd"
    for i in range(6)
)
MAPPING = """\
objects:
  file: o.csv
  id: id
  features: {metadata: {g_mag: {column: g, unit: mag%s}}}
  targets: {redshift: z}
photometry:
  file: c.csv
  id: id
  time: {column: t, unit: MJD}
  flux: {column: f, unit: Jy%s}
"""


def test_an_import_tells_what_looks_like_nothing_until_it_is_declared(tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "CHUNK", 1)  # each object by itself
    rows = [f"{name},{g},{z}" for name, g, z in
            zip("abcdefgh", [18.1, 99.99, 18.2, 99.99, 17, 16.5, 18, 17.7],
                [0.1, 0.2, -9999, 0.3, -9999, 0.15, 0.12, 0.11], strict=True)]  # fmt: skip
    (tmp_path / "o.csv").write_text("id,g,z\n" + "\n".join(rows) + "\n")
    (tmp_path / "c.csv").write_text(LONG)
    (tmp_path / "m.yaml").write_text(MAPPING % ("", ""))
    notes = " ".join(import_dataset(tmp_path / "m.yaml", tmp_path / "out").notes)
    for said in ("'g_mag' has 2 values of 99.99:", "'redshift' has 2 values of -9999:",
                 "photometry: 'flux' has 8 values of -999:"):  # fmt: skip
        assert said in notes
    declared = (", missing: [99.99]", ", missing: [-999]")
    (tmp_path / "m.yaml").write_text(MAPPING % declared)
    notes = import_dataset(tmp_path / "m.yaml", tmp_path / "out", overwrite=True).notes
    assert not [n for n in notes if "mean 'not known'" in n and "redshift" not in n]
