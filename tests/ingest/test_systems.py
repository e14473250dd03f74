"""Photometric systems: recorded, converted by the offsets that are given, never silently mixed."""

import json
from io import StringIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.table import Table
from hypothesis import given as drawn
from hypothesis import strategies as st
from rich.console import Console

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.info import dataset_info, render_info
from skybind.data.systems import canonical, in_system, stated_system
from skybind.errors import ConfigError
from skybind.ingest.given import take_given
from skybind.ingest.mapping import PhotometrySpec
from skybind.ingest.one_file import read_file
from skybind.ingest.preview.make import preview_survey
from skybind.ingest.preview.tables import preview_tables
from skybind.ingest.readers.registry import curve_format
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted, wanted_modalities
from skybind.models.saved_schema import SavedSchema, schema_note

BANDS = ["g", "V"] * 4
TIME = np.arange(8.0)
MAG = 12 + 0.1 * TIME
SYSTEMS = ["AB", "vega", "AB", "Vega", "ab", "", "AB", "Natural"]
KINDS = {"photometry": ("photometry", "photometry"), "metadata": ("metadata", "metadata")}
TEXT = {"csv": "ascii.csv", "ecsv": "ascii.ecsv", "vot": "votable", "fits": "fits"}


def mapping(folder, magnitude=None, flat=None, source=None, **keys):
    flat = flat if flat is not None else {"column": "bmag", "unit": "mag"}
    keys = {
        **(source or {"file": "e.csv", "id": "id"}),
        "time": {"column": "t", "unit": "d"},
        "magnitude": {"column": "m", "unit": "mag"} if magnitude is None else magnitude,
        "band": "f",
        **keys,
    }
    (folder / "o.csv").write_text("id,bmag\na,14.5\n")
    objects = {"file": "o.csv", "id": "id", "features": {"metadata": {"b_mag": flat}}}
    (folder / "m.yaml").write_text(yaml.safe_dump({"objects": objects, "photometry": keys}))
    return folder / "m.yaml"


def epochs(n=8):
    rows = {"t": TIME, "m": MAG, "f": BANDS, "s": SYSTEMS}
    return {"id": ["a"] * n, **{name: values[:n] for name, values in rows.items()}}


def imported(folder, form="csv", **keys):
    if form == "parquet":
        pq.write_table(pa.table(epochs()), folder / "e.parquet")
    else:
        Table(epochs()).write(folder / f"e.{form}", format=TEXT[form], overwrite=True)
    path = mapping(folder, source={"file": f"e.{form}", "id": "id"}, **keys)
    summary = import_dataset(path, folder / "out", overwrite=True)
    assert check_dataset(folder / "out") == []
    return Dataset.open(folder / "out"), summary


def magnitudes(data):
    return data.ragged("photometry").fields["magnitude"]


@pytest.mark.parametrize(
    ("keys", "system"),
    [
        ({"system": "ab"}, "AB"),
        ({"system": {"g": "AB", "V": "VEGA"}}, {"g": "AB", "V": "Vega"}),
        ({"magnitude": {"column": "m", "unit": "mag(AB)"}}, "AB"),
        ({"magnitude": {"column": "m", "unit": "mag", "description": "Johnson, Vega"}}, "Vega"),
        ({"system": "Natural"}, "Natural"),
        ({}, None),
    ],
)
def test_the_system_is_recorded_and_nothing_is_converted(tmp_path, keys, system):
    data, summary = imported(tmp_path, **keys)
    assert data.schema.attributes("photometry").get("system") == system
    assert magnitudes(data) == pytest.approx(MAG)
    mixed = any("magnitudes are Vega in V and AB in g" in note for note in summary.notes)
    assert mixed == isinstance(system, dict)
    shown = repr(preview_survey(tmp_path / "m.yaml"))
    words = {"AB": "AB", "Vega": "Vega", "Natural": "Natural", None: "not stated"}
    assert "photometric system" in shown
    assert (words[system] if not isinstance(system, dict) else "Vega in V and AB in g") in shown
    told = dataset_info(tmp_path / "out").modalities["photometry"].attributes
    assert told.get("system") == system


@pytest.mark.parametrize("form", [*TEXT, "parquet"])
def test_systems_of_a_column_are_kept_and_a_mixture_is_told(tmp_path, form):
    data, summary = imported(tmp_path, form, system={"column": "s"})
    fields = data.ragged("photometry").fields
    expected = ["AB", "Vega", "AB", "Vega", "AB", "", "AB", "Natural"]
    assert fields["system"].tolist() == expected
    assert magnitudes(data) == pytest.approx(MAG)
    assert any("each magnitude keeps its photometric system" in n for n in summary.notes)
    repaired = json.loads((tmp_path / "out" / "import.json").read_text())["repaired"]
    count = repaired["photometry"]["light curves of several photometric systems in one band"]
    assert count == 1
    wanted = wanted_modalities(data.schema, KINDS)
    assert "system" not in wanted["photometry"].fields  # no encoder reads it


OFFSETS = {"V": {"Vega": 0.02}}


@pytest.mark.parametrize("form", [*TEXT, "parquet"])
def test_a_column_of_systems_is_converted_as_far_as_offsets_are_given(tmp_path, form):
    data, _ = imported(tmp_path, form, system={"column": "s"}, convert_to="AB", offsets=OFFSETS)
    fields = data.ragged("photometry").fields
    assert "system" not in fields
    use = [0, 1, 2, 3, 4, 6]  # the others are in a system that is not known, or has no offset
    shift = np.where([BANDS[i] == "V" for i in use], 0.02, 0)
    assert fields["time"].tolist() == TIME[use].tolist()
    assert magnitudes(data) == pytest.approx(MAG[use] + shift, abs=1e-5)
    assert data.schema.attributes("photometry")["system"] == "AB"
    repaired = json.loads((tmp_path / "out" / "import.json").read_text())["repaired"]
    assert repaired["photometry"]["epochs of a system without an offset"] == 2


def test_one_system_or_one_a_band_is_converted(tmp_path):
    by_band = {"system": {"g": "AB", "V": "Vega"}, "convert_to": "ab", "offsets": {"V": 0.02}}
    data, summary = imported(tmp_path, **by_band)
    shift = np.where(np.array(BANDS) == "V", 0.02, 0)
    assert magnitudes(data) == pytest.approx(MAG + shift, abs=1e-5)
    assert not any("not converted" in note for note in summary.notes)
    data, _ = imported(tmp_path, system="Vega", convert_to="AB", offsets={"V": 0.02, "g": -0.09})
    shift = np.where(np.array(BANDS) == "V", 0.02, -0.09)
    assert magnitudes(data) == pytest.approx(MAG + shift, abs=1e-5)
    data, _ = imported(tmp_path, system="Vega", convert_to="AB", offsets=0.5)
    assert magnitudes(data) == pytest.approx(MAG + 0.5, abs=1e-5)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"system": "Vega", "convert_to": "AB", "offsets": {"V": 0.02}},
         "the offset of band g from Vega is not given"),
        ({"system": {"g": "AB"}, "convert_to": "AB", "offsets": {"V": 0.02}},
         "the system of band V is not given"),
        ({"convert_to": "AB", "offsets": {"V": 0.02}}, "convert_to: AB needs the system"),
        ({"system": "Vega", "offsets": {"V": 0.02}}, "'offsets' lead to a system"),
        ({"flat": {"column": "bmag", "unit": "K", "system": "AB"}}, "none of magnitudes"),
        ({"flat": {"column": "bmag", "unit": "mag", "convert_to": "AB"}}, "'offset', or neither"),
        ({"flat": {"column": "bmag", "unit": "mag", "convert_to": "AB", "offset": 1}},
         "needs the system"),
        ({"flat": {"column": "bmag", "unit": "mag(AB)", "convert_to": "AB", "offset": 1}},
         "are AB already"),
        ({"magnitude": {"column": "m", "unit": "mag", "system": "AB"}},
         "photometry, magnitude cannot have the key 'system'"),
    ],
)  # fmt: skip
def test_what_is_not_given_is_asked_for(tmp_path, keys, message):
    with pytest.raises(ConfigError, match=message):
        imported(tmp_path, **keys)


def test_fluxes_have_no_system_to_convert():
    keys = {"folder": "x", "pattern": "{id}", "time": "t", "flux": {"column": "f", "unit": "mJy"}}
    with pytest.raises(ValueError, match="a flux density has no system"):
        PhotometrySpec.model_validate({**keys, "convert_to": "AB", "offsets": 1})


@pytest.mark.parametrize(
    ("flat", "value", "attributes"),
    [
        ({"unit": "mag(AB)"}, 14.5, {"system": "AB"}),
        ({"unit": "mag", "system": "vega"}, 14.5, {"system": "Vega"}),
        ({"unit": "mag", "description": "B (Vega)"}, 14.5, {"system": "Vega"}),
        ({"unit": "mag", "system": "Vega", "convert_to": "AB", "offset": -0.09}, 14.41,
         {"system": "AB", "offsets": {"Vega": -0.09}}),
        ({"unit": "mag"}, 14.5, {}),
    ],
)  # fmt: skip
def test_magnitudes_of_a_catalogue(tmp_path, flat, value, attributes):
    data, _ = imported(tmp_path, flat={"column": "bmag", **flat})
    assert data.numbers("b_mag")[0] == pytest.approx(value)
    assert data.schema.columns["b_mag"].unit == "mag"
    assert data.schema.attributes("b_mag") == attributes


SAYS = {
    "ztf": "AB", "gaia": "Vega", "ogle": "Vega", "plasticc": "AB", "snana": "AB", "atlas": "AB",
    "alerce": "AB", "catalina": None, "aavso": None, "tess": None, "kepler": None,
}  # fmt: skip


@pytest.mark.parametrize("name", SAYS)
def test_formats_know_their_system(name):
    keys = {"folder": ".", "pattern": "{id}", "format": name}
    spec = PhotometrySpec.model_validate(keys)
    assert curve_format(name) is not None
    assert (None if spec.system is None else spec.system.name) == SAYS[name]


def test_the_open_supernova_catalogue_says_it_of_each_magnitude(tmp_path):
    points = [
        {"time": str(55800 + i), "magnitude": str(15 + i / 10), "e_magnitude": "0.1", "band": "V",
         "system": s}
        for i, s in enumerate(["AB", "Vega", "Vega"])
    ]  # fmt: skip
    (tmp_path / "lc").mkdir()
    event = {"SN": {"photometry": [*points, {"time": "55809", "magnitude": "16", "band": "V"}],
                    "sources": []}}  # fmt: skip
    (tmp_path / "lc" / "a.json").write_text(json.dumps(event))
    (tmp_path / "o.csv").write_text("id\na\n")
    for keys, expected in (
        ({}, ["AB", "Vega", "Vega", ""]),
        ({"convert_to": "AB", "offsets": {"V": {"Vega": 0.02}}}, None),
    ):
        keys = {"folder": "lc", "pattern": "{id}.json", "format": "osc", **keys}
        whole = {"objects": {"file": "o.csv", "id": "id"}, "photometry": keys}
        (tmp_path / "m.yaml").write_text(yaml.safe_dump(whole))
        import_dataset(tmp_path / "m.yaml", tmp_path / "out", overwrite=True)
        fields = Dataset.open(tmp_path / "out").ragged("photometry").fields
        if expected is None:
            assert fields["magnitude"] == pytest.approx([15, 15.12, 15.22], abs=1e-5)
        else:
            assert fields["system"].tolist() == expected


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    """What a model reads that was trained on AB magnitudes, with the offset of one band."""
    flat = {"column": "bmag", "unit": "mag", "system": "Vega", "convert_to": "AB", "offset": -0.09}
    data, _ = imported(
        tmp_path_factory.mktemp("train"),
        flat=flat,
        system={"g": "AB", "V": "Vega"},
        convert_to="AB",
        offsets=OFFSETS,
    )
    note = SavedSchema(schema_note(data.schema, {"all": Reads()})).note
    return wanted_modalities(data.schema.from_note(note), KINDS)


class Reads:
    columns = ("photometry", "b_mag")


def curve(unit):
    table = Table({"time": TIME, "mag": MAG, "band": BANDS})
    table["mag"].unit, table["time"].unit = unit, "d"
    return table


def test_a_given_light_curve_of_another_system(wanted, tmp_path):
    same = take_given(curve("mag(AB)"), wanted=wanted)
    assert magnitudes(same.dataset) == pytest.approx(MAG)
    assert not any("magnitudes are in" in note for note in same.notes)
    unknown = take_given(curve("mag"), wanted=wanted)
    assert any("no photometric system is stated, and the model was trained on AB" in n
               for n in unknown.notes)  # fmt: skip
    data, _ = imported(tmp_path, system="Vega")
    shift = np.where(np.array(BANDS) == "V", 0.02, 0)
    arrow = data.table(["object_id", "photometry"]).combine_chunks()
    for given in (data, arrow):
        found = take_given(given, wanted=wanted)
        assert magnitudes(found.dataset) == pytest.approx(MAG + shift, abs=1e-5)
        (note,) = [n for n in found.notes if "the magnitudes are in Vega" in n]
        assert "converted where an offset of the band is known" in note
    own, _ = imported(tmp_path, system={"column": "s"})
    found = take_given(own, wanted=wanted)
    shift = np.where([s.lower() == "vega" for s in SYSTEMS], 0.02, 0)
    assert magnitudes(found.dataset) == pytest.approx(MAG + shift, abs=1e-5)
    assert any("the magnitudes are in several systems" in note for note in found.notes)


def test_a_survey_that_is_searched_with_says_its_system(wanted, tmp_path):
    rows = [f"{2458000.5 + t:.5f} {m:.3f} 0.010" for t, m in zip(TIME, MAG, strict=True)]
    (tmp_path / "OGLE-LMC-CEP-0001.dat").write_text("\n".join(rows) + "\n")
    found = read_file(tmp_path / "OGLE-LMC-CEP-0001.dat", {"photometry": wanted["photometry"]})
    assert any("the magnitudes are in Vega, and the model was trained on AB" in n
               for n in found.notes)  # fmt: skip
    assert any("taken as they are, for no offset is known" in n for n in found.notes)


@pytest.mark.parametrize(
    ("unit", "value", "told"),
    [("mag(AB)", 14.5, ""), ("mag", 14.5, "no photometric system is stated")],
)
def test_a_given_magnitude_of_a_catalogue(wanted, unit, value, told):
    table = Table({"b_mag": [14.5]})
    table["b_mag"].unit = unit
    found = take_given(table, wanted=wanted)
    assert found.dataset.numbers("b_mag")[0] == pytest.approx(value)
    assert any(told in n for n in found.notes if "system" in n) == bool(told)


def test_a_given_magnitude_of_another_dataset_is_converted(wanted, tmp_path):
    data, _ = imported(tmp_path, flat={"column": "bmag", "unit": "mag", "system": "Vega"})
    found = take_given(data, wanted=wanted)
    assert found.dataset.numbers("b_mag")[0] == pytest.approx(14.41)
    assert any("is in Vega, and the model was trained on AB: -0.09 mag is added" in n
               for n in found.notes)  # fmt: skip
    other, _ = imported(tmp_path, flat={"column": "bmag", "unit": "mag", "system": "Natural"})
    found = take_given(other, wanted=wanted)
    assert found.dataset.numbers("b_mag")[0] == pytest.approx(14.5)
    assert any("is in Natural, and the model was trained on AB: it is not converted" in n
               for n in found.notes)  # fmt: skip


@drawn(st.lists(st.tuples(st.sampled_from("gV"), st.sampled_from(["AB", "Vega", ""])), min_size=1))
def test_nothing_in_the_target_system_is_moved_and_nothing_unknown_passes(rows):
    bands, systems = (np.array(own, object) for own in zip(*rows, strict=True))
    magnitude = np.arange(len(rows), dtype=float)
    target = np.full(len(rows), "AB", object)
    values, left = in_system(magnitude, systems, target, bands, {"V": {"Vega": 0.02}})
    moved = (systems == "Vega") & (bands == "V")
    np.testing.assert_allclose(values - magnitude, np.where(moved, 0.02, 0), atol=1e-12)
    assert left.tolist() == ((systems != "AB") & ~moved).tolist()


def test_names_of_systems():
    assert [canonical(n) for n in ("AB", "ab ", "VegaMag", "BD17")] == ["AB", "AB", "Vega", "BD17"]
    assert stated_system("ABmag") == "AB"
    assert stated_system("mag(ST)") == "ST"
    assert stated_system("mag", "AB and Vega") is None
    assert stated_system("mJy", "AB") is None


def test_bands_in_columns_of_their_own_have_each_its_system(tmp_path):
    rows = {"id": ["a"] * 4, "t": TIME[:4], "mg": MAG[:4], "mv": MAG[:4] + 1}
    Table(rows).write(tmp_path / "w.csv", format="ascii.csv")
    (tmp_path / "o.csv").write_text("id\na\n")
    keys = {
        "file": "w.csv",
        "id": "id",
        "time": {"column": "t", "unit": "d"},
        "system": {"g": "AB", "V": "Vega"},
        "bands": {
            "g": {"magnitude": {"column": "mg", "unit": "mag", "missing": [99.9]}},
            "V": {"magnitude": {"column": "mv", "unit": "mag", "missing": [-1]}},
        },
    }
    for more, system, shift in (
        ({}, {"g": "AB", "V": "Vega"}, 0),
        ({"convert_to": "AB", "offsets": {"V": 0.02}}, "AB", 0.02),
    ):
        whole = {"objects": {"file": "o.csv", "id": "id"}, "photometry": {**keys, **more}}
        (tmp_path / "m.yaml").write_text(yaml.safe_dump(whole))
        import_dataset(tmp_path / "m.yaml", tmp_path / "out", overwrite=True)
        data = Dataset.open(tmp_path / "out")
        fields = data.ragged("photometry").fields
        in_v = fields["band"] == "V"
        assert fields["magnitude"][in_v] == pytest.approx(MAG[:4] + 1 + shift, abs=1e-5)
        assert fields["magnitude"][~in_v] == pytest.approx(MAG[:4], abs=1e-5)
        said = data.schema.attributes("photometry")
        assert said["system"] == system
        assert said["missing"] == {"magnitude": ["-1", "99.9"]}
        assert said.get("offsets") == ({"V": {"Vega": 0.02}} if more else None)


def test_what_is_known_of_the_values_is_shown(tmp_path):
    magnitude = {"column": "m", "unit": "mag", "missing": [99.9, ""]}
    flat = {"column": "bmag", "unit": "mag", "system": "AB", "missing": [-9]}
    by_band = {"g": "AB", "V": "Vega"}
    imported(tmp_path, magnitude=magnitude, flat=flat, system=by_band)
    text = StringIO()
    Console(file=text, width=300).print(render_info(dataset_info(tmp_path / "out")))
    shown = text.getvalue()
    assert "missing '99.9', '' of magnitude" in shown
    assert "system Vega of V; system AB of g" in shown
    assert "system AB of b_mag, missing '-9' of b_mag" in shown
    flat = {"column": "bmag", "unit": "mag", "system": "Vega", "convert_to": "AB", "offset": -0.09}
    imported(tmp_path, flat=flat, system=by_band, convert_to="AB", offsets={"V": 0.02})
    Console(file=text, width=300).print(render_info(dataset_info(tmp_path / "out")))
    assert "offsets +0.02 mag to Vega in V" in text.getvalue()
    assert "offsets -0.09 mag to Vega in b_mag" in text.getvalue()


def wanted_curve(target, offsets=None, value="magnitude", unit="mag"):
    attributes = {} if target is None else {"system": target, "offsets": offsets or {}}
    fields = {"time": "d", value: unit, "band": None}
    return {"photometry": Wanted("photometry", "photometry", "photometry", fields, attributes)}


@pytest.mark.parametrize(
    ("keys", "stored"),
    [
        ({"system": "Vega", "offsets": {"V": 0.02, "g": -0.1}},
         {"V": {"Vega": 0.02}, "g": {"Vega": -0.1}}),
        ({"system": "Vega", "offsets": 0.5}, {"*": {"Vega": 0.5}}),
        ({"system": {"g": "ST", "V": "Vega"}, "offsets": 0.5},
         {"g": {"ST": 0.5}, "V": {"Vega": 0.5}}),
        ({"system": {"g": "AB", "V": "Vega"}, "offsets": {"g": 9, "V": 0.02}},
         {"V": {"Vega": 0.02}}),
        ({"system": "Vega", "offsets": {"V": {"Vega": 0.02, "ST": 1}, "g": 0.1}},
         {"V": {"Vega": 0.02, "ST": 1}, "g": {"Vega": 0.1}}),
    ],
)  # fmt: skip
def test_an_offset_is_kept_with_the_system_from_which_it_leads(tmp_path, keys, stored):
    data, _ = imported(tmp_path, convert_to="AB", **keys)
    assert data.schema.attributes("photometry")["offsets"] == stored


def test_an_offset_is_never_added_to_magnitudes_of_another_system(tmp_path):
    trained, _ = imported(tmp_path, system="Vega", convert_to="AB", offsets={"V": 0.02, "g": 0.1})
    model = wanted_modalities(trained.schema, KINDS)
    for system, shift in (("Vega", {"V": 0.02, "g": 0.1}), ("ST", {}), ("Natural", {})):
        data, _ = imported(tmp_path, system=system)
        given = take_given(data, wanted=model)
        expected = MAG + [shift.get(band, 0) for band in BANDS]
        assert magnitudes(given.dataset) == pytest.approx(expected, abs=1e-5)
        (note,) = [n for n in given.notes if "the magnitudes are in" in n]
        assert ("taken as they are, for no offset is known" in note) == (not shift)


def test_an_old_offset_that_does_not_say_where_it_starts_is_not_applied(tmp_path):
    for system in ("Vega", "ST", {"g": "ST", "V": "Vega"}):
        data, _ = imported(tmp_path, system=system)
        given = take_given(data, wanted=wanted_curve("AB", {"V": 0.02}))
        assert magnitudes(given.dataset) == pytest.approx(MAG)
        assert any("not known from which system the offset of V leads" in n for n in given.notes)


def test_a_column_of_systems_needs_offsets_that_say_where_they_start(tmp_path):
    with pytest.raises(ConfigError, match=r"write \{V: \{Vega: 0\.02\}\}"):
        imported(tmp_path, system={"column": "s"}, convert_to="AB", offsets={"V": 0.02})


def test_a_model_of_fluxes_tells_how_many_magnitudes_are_not_ab(tmp_path):
    model = wanted_curve(None, value="flux", unit="mJy")
    data, _ = imported(tmp_path, system={"column": "s"})
    given = take_given(data, wanted=model)
    (note,) = [n for n in given.notes if "for AB ones" in n]
    assert "of 8 magnitudes, 2 Vega, 1 of a system that is not stated and 1 Natural" in note
    expected = 3.631e6 * 10 ** (-0.4 * MAG)
    assert given.dataset.ragged("photometry").fields["flux"] == pytest.approx(expected, rel=1e-5)
    for system, told in (({"g": "AB", "V": "AB"}, False), ({"g": "AB", "V": "Vega"}, True)):
        data, _ = imported(tmp_path, system=system)
        notes = take_given(data, wanted=model).notes
        assert any("Vega in V and AB in g, and are taken for AB ones" in n for n in notes) == told
        assert any("for AB ones" in n for n in notes) == told


@pytest.mark.parametrize(
    ("target", "offsets", "shift", "told"),
    [
        ("Vega", {"V": {"AB": -0.45}}, -0.45, "converted where an offset of the band is known"),
        ("Vega", {}, 0, "taken as they are, for no offset is known"),
        ({"g": "AB", "V": "Vega"}, {"V": {"AB": -0.45}}, -0.45, "converted"),
        ("AB", {}, 0, None),
        ({"g": "AB", "V": "AB"}, {}, 0, None),
    ],
)
def test_fluxes_for_a_model_of_magnitudes(target, offsets, shift, told):
    flux = 3.631e6 * 10 ** (-0.4 * MAG)
    table = Table({"time": TIME, "flux": flux, "flux_err": 0.1 * flux, "band": BANDS})
    table["time"].unit = "d"
    table["flux"].unit = table["flux_err"].unit = "mJy"
    model = wanted_curve(target, offsets)
    given = take_given(table, wanted=model)
    again = take_given(take_given(table, wanted=wanted_curve("AB")).dataset, wanted=model)
    twice = take_given(given.dataset, wanted=model)  # they are as the model reads them already
    assert not any("the fluxes become" in n for n in twice.notes)
    for found in (given, again, twice):
        fields = found.dataset.ragged("photometry").fields
        made = -2.5 * np.log10(fields["flux"] / 3.631e6)
        expected = MAG + np.where(np.array(BANDS) == "V", shift, 0)
        assert made == pytest.approx(expected, abs=1e-5)
    notes = [n for n in given.notes if "the fluxes become magnitudes that are AB" in n]
    assert len(notes) == (told is not None)
    assert told is None or told in notes[0]


def test_one_system_under_several_bands_is_no_other_system(tmp_path):
    data, _ = imported(tmp_path, system={"g": "AB", "V": "AB"})
    notes = take_given(data, wanted=wanted_curve("AB")).notes
    assert not any("the magnitudes are in" in n for n in notes)


def test_bands_of_which_one_is_converted(tmp_path):
    rows = {"id": ["a"] * 4, "t": TIME[:4], "mv": MAG[:4], "mi": MAG[:4]}
    Table(rows).write(tmp_path / "w.csv", format="ascii.csv")
    (tmp_path / "o.csv").write_text("id\na\n")
    converted = {"system": "Vega", "convert_to": "AB", "offsets": 0.02}

    def imported_bands(own, more=None):
        bands = {
            "V": {"magnitude": {"column": "mv", "unit": "mag"}, **own},
            "I": {"magnitude": {"column": "mi", "unit": "mag"}, **(more or {})},
        }
        keys = {"file": "w.csv", "id": "id", "time": {"column": "t", "unit": "d"}, "bands": bands}
        whole = {"objects": {"file": "o.csv", "id": "id"}, "photometry": keys}
        (tmp_path / "m.yaml").write_text(yaml.safe_dump(whole))
        summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out", overwrite=True)
        return Dataset.open(tmp_path / "out").schema.attributes("photometry"), summary.notes

    said, notes = imported_bands(converted)
    assert said == {"system": {"V": "AB"}, "offsets": {"V": {"Vega": 0.02}}}
    assert any("the photometric system of the magnitudes in I is not stated" in n for n in notes)
    assert not any("not converted" in n for n in notes)
    said, notes = imported_bands(converted, {"system": "Vega"})
    assert said["system"] == {"V": "AB", "I": "Vega"}
    (note,) = [n for n in notes if "not converted" in n]
    assert "Vega in I and AB in V; those of I are not converted" in note
    shown = preview_survey(tmp_path / "m.yaml")
    assert "+0.02 mag to Vega in V" in repr(shown)
    for other, message in (
        ({"system": "Vega", "convert_to": "AB"}, "Band 'I': .*the offset from Vega is not given"),
        ({"convert_to": "AB", "offsets": 1}, "Band 'I': convert_to: AB needs the system"),
    ):
        with pytest.raises(ConfigError, match=message):
            imported_bands(converted, other)


@pytest.mark.parametrize("unit", ["mag(Vega)", "mag (Vega)", "VEGAMAG", "mag(AB)", "ABmag"])
@pytest.mark.parametrize("form", ["arrow", "pandas", "keyword", "votable", "astropy"])
def test_units_that_name_a_system_are_read_in_memory_as_in_files(wanted, tmp_path, form, unit):
    """The model was trained on AB, and knows that V of Vega lies 0.02 mag from it."""
    columns = {"time": [TIME.tolist()], "magnitude": [MAG.tolist()], "band": [["V"] * 8]}
    table, units = pa.table(columns), None
    if form == "keyword":
        units = {"magnitude": unit}
    elif form == "arrow":
        own = table.schema.field("magnitude").with_metadata({"unit": unit})
        table = table.cast(table.schema.set(1, own))
    elif form == "pandas":
        pytest.importorskip("pandas")
        table = table.to_pandas()
        table.attrs["units"] = {"magnitude": unit}
    else:
        table = Table({name: values[0] for name, values in columns.items()})
        table["time"].unit, table["magnitude"].unit = "d", "mag"
        if form == "votable":
            table.write(tmp_path / "c.vot", format="votable")
            text = (tmp_path / "c.vot").read_text().replace('unit="mag"', f'unit="{unit}"')
            (tmp_path / "c.vot").write_text(text)
            table = tmp_path / "c.vot"
        else:
            units = {"magnitude": unit}
    given = take_given(table, wanted={"photometry": wanted["photometry"]}, units=units)
    shift = 0.02 if "v" in unit.lower() else 0
    np.testing.assert_allclose(magnitudes(given.dataset), MAG + shift, rtol=1e-6)


@pytest.mark.parametrize("unit", ["mag(Vega)", "VEGAMAG", "mmag(Vega)"])
def test_a_mapping_may_name_the_system_in_the_unit(tmp_path, unit):
    magnitude = {"column": "m", "unit": unit}
    data, _ = imported(tmp_path, magnitude=magnitude, flat={"column": "bmag", "unit": unit})
    scale = 1e-3 if unit.startswith("mmag") else 1
    np.testing.assert_allclose(data.numbers("b_mag"), 14.5 * scale)
    assert data.schema.columns["b_mag"].unit == "mag"
    assert data.schema.attributes("b_mag")["system"] == "Vega"
    assert data.schema.attributes("photometry")["system"] == "Vega"
    assert data.schema.fields("photometry")["magnitude"] == "mag"


def test_another_word_in_the_unit_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"'mag\(Vgea\)' is not a unit"):
        imported(tmp_path, magnitude={"column": "m", "unit": "mag(Vgea)"})


@pytest.mark.parametrize(
    ("flat", "shown"),
    [
        ({"unit": "mag", "system": "Vega", "convert_to": "AB", "offset": -0.09}, "Vega -0.09 → AB"),
        ({"unit": "mag(Vega)"}, "mag(Vega) → mag, Vega"),
        ({"unit": "mag", "system": "AB"}, "mag, AB"),
    ],
)
def test_a_dry_run_shows_the_system_of_a_catalogues_magnitudes(tmp_path, flat, shown):
    Table(epochs()).write(tmp_path / "e.csv", format="ascii.csv")
    preview = preview_survey(mapping(tmp_path, flat={"column": "bmag", **flat}))
    (row,) = [row for row in preview_tables(preview)[0].rows if row[0] == "b_mag"]
    assert shown in row[2]
    magnitude = 14.41 if "offset" in flat else 14.5
    assert float(row[4]) == pytest.approx(magnitude)
