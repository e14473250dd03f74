"""Which columns of a dataset are drawn of its objects."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa

from skybind.config.schema import ModalityConfig
from skybind.data.dataset import Dataset
from skybind.data.schema import Column, DatasetSchema
from skybind.drawing.from_dataset import (
    columns_of,
    first_of_kinds,
    load_as_read,
    load_examples,
    observed_spectra,
)
from skybind.drawing.objects import object_figure


def curve(value):
    time = [2457000.5 + n for n in range(12)]
    magnitude = [value + 0.1 * (n % 2) for n in range(12)]
    return [{"time": time, "magnitude": magnitude, "magnitude_err": [0.01] * 12}]


def two_bands():
    fields = {"time": "d", "magnitude": "mag", "magnitude_err": "mag"}
    columns = {
        name: Column("observation", modality="photometry", fields=fields)
        for name in ("photometry_g", "photometry_r")
    }
    table = pa.table({"object_id": ["a"], "photometry_g": curve(15.0), "photometry_r": curve(14.0)})
    return Dataset.from_table(table, DatasetSchema({"object_id": Column("id"), **columns}))


def test_a_run_draws_the_light_curve_that_it_embeds_and_not_the_first():
    dataset = two_bands()
    assert first_of_kinds(dataset) == {"photometry": "photometry_g"}
    entry = ModalityConfig(
        kind="photometry", column="photometry_r", encoder={"name": "mlp"}, preprocessing={}
    )
    run = SimpleNamespace(
        dataset=dataset, config=SimpleNamespace(modalities={"red": entry, "metadata": entry})
    )
    assert columns_of(run) == {"photometry": "photometry_r"}
    drawn = load_examples(dataset, np.array([0]), [], np.array([""]), columns_of(run))
    assert drawn[0].light_curve.value.min() == 14.0
    # what no modality reads is drawn all the same
    other = SimpleNamespace(dataset=dataset, config=SimpleNamespace(modalities={}))
    assert columns_of(other) == {"photometry": "photometry_g"}


def reads(column):
    return ModalityConfig(
        kind="photometry", column=column, encoder={"name": "mlp"}, preprocessing={}
    )


def test_each_modality_is_drawn_as_it_is_read():
    modalities = {"red": reads("photometry_r"), "green": reads("photometry_g")}
    run = SimpleNamespace(
        dataset=two_bands(),
        config=SimpleNamespace(modalities=modalities),
        class_names=np.array([""]),
    )
    assert columns_of(run) == columns_of(run, ["red"]) == {"photometry": "photometry_r"}
    assert columns_of(run, ["unknown", "green", "red"]) == {"photometry": "photometry_g"}
    row = np.array([0])
    drawn = load_as_read(run, [((), row), (("green",), row), (("red",), row)], [])
    curves = [one[0].light_curve for one in drawn]
    assert [one.value.min() for one in curves] == [14.0, 15.0, 14.0]
    # which of the two it is stands below it
    assert [one.column for one in curves] == ["photometry_r", "photometry_g", "photometry_r"]
    labels = [axes.get_xlabel() for axes in object_figure(drawn[1][0]).axes]
    assert labels == ["Time − 2457000 [d]\nphotometry_g"]
    (one,) = load_examples(spectra(), np.array([0]), [], np.full(3, "")).values()
    assert one.spectrum.column == ""


def spectra(**columns):
    """Three objects with a spectrum each, and columns as (Column, values)."""
    return named_spectra({"spectrum": 4000.0}, **columns)


def named_spectra(starts, **columns):
    """Three objects with spectra in columns, which begin at some wavelengths."""
    fields = {"wavelength": "Angstrom", "flux": "", "ivar": ""}
    about = Column("observation", modality="spectrum", fields=fields)
    known, table = {"object_id": Column("id")}, {"object_id": list("abc")}
    for name, start in starts.items():
        grid = np.linspace(start, start + 3000, 200).tolist()
        one = {"wavelength": grid, "flux": np.arange(200.0).tolist(), "ivar": [1.0] * 200}
        table[name], known[name] = [one] * 3, about
    for name, (column, values) in columns.items():
        table[name], known[name] = values, column
    return Dataset.from_table(pa.table(table), DatasetSchema(known))


def test_lines_stand_at_a_redshift_that_is_a_feature():
    about = Column("feature", modality="catalogue")
    dataset = spectra(redshift=(about, [0.1, 0.2, None]))
    drawn = load_examples(dataset, np.arange(3), [], np.full(3, ""))
    assert [drawn[row].spectrum.redshift_of for row in range(3)] == ["redshift", "redshift", ""]
    redshift = [drawn[row].spectrum.redshift for row in range(3)]
    np.testing.assert_array_equal(redshift, [0.1, 0.2, np.nan])
    # stars, of a survey without redshifts
    drawn = load_examples(spectra(), np.arange(1), [], np.full(3, ""))
    assert drawn[0].spectrum.redshift == 0


def test_spectra_at_rest():
    observed = observed_spectra(spectra(), "spectrum", np.arange(2), np.array([0.0, 1.0]))
    assert [wavelength[0] for wavelength, _ in observed] == [4000, 2000]


def test_upper_limits_are_read_beside_the_light_curve():
    known = two_bands()
    unknown = float("nan")
    limits = [  # the last is a sentinel
        {
            "time": [1.0, 2.0, 3.0, unknown, 4.0],
            "magnitude": [19.0, 19.5, unknown, 18.0, 99.99],
        }
    ]
    columns = {
        **known.schema.columns,
        "photometry_r_limits": Column(
            "limits", modality="photometry_r", fields={"time": "d", "magnitude": "mag"}
        ),
    }
    table = pa.table(
        {
            "object_id": ["a"],
            "photometry_g": curve(15.0),
            "photometry_r": curve(14.0),
            "photometry_r_limits": limits,
        }
    )
    dataset = Dataset.from_table(table, DatasetSchema(columns))
    for name, expected in (("photometry_r", [19.0, 19.5]), ("photometry_g", None)):
        drawn = load_examples(dataset, np.array([0]), [], np.array([""]), {"photometry": name})[
            0
        ].light_curve
        found = None if drawn.limits is None else drawn.limits.value.tolist()
        assert found == expected


def test_a_light_curve_of_upper_limits_alone_is_drawn():
    """Never detected, its object was observed all the same."""
    fields = {"time": "d", "magnitude": "mag", "magnitude_err": "mag", "band": None}
    limits = {"time": "d", "magnitude": "mag", "band": None}
    columns = {
        "object_id": Column("id"),
        "period": Column("feature", "d"),
        "photometry": Column("observation", modality="photometry", fields=fields),
        "photometry_limits": Column("limits", modality="photometry", fields=limits),
    }
    seen = {**curve(15.0)[0], "band": ["g"] * 12}
    known = [{"time": [2457001.0, 2457002.0], "magnitude": [19.0, 19.5], "band": ["g", "r"]}]
    table = {
        "object_id": ["a", "b", "c"],
        "period": [0.5] * 3,
        "photometry": [None, seen, None],
        "photometry_limits": [*known, None, None],
    }
    dataset = Dataset.from_table(pa.table(table), DatasetSchema(columns))
    drawn = load_examples(dataset, np.arange(3), [], np.full(3, ""))
    alone = drawn[0].light_curve
    assert (len(alone.time), alone.limits.value.tolist()) == (0, [19.0, 19.5])
    assert (alone.period, drawn[1].light_curve.period) == (None, 0.5)
    assert drawn[2].light_curve is None
    (axes,) = object_figure(drawn[0]).axes
    assert axes.get_xlabel() == "Time − 2457000 [d]"
    shown = np.concatenate([line.get_xdata() for line in axes.lines])
    assert np.unique(shown).tolist() == [1.0, 2.0]
