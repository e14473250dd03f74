"""One truth written in many ways gives the same arrays, in order, with reasons and no exception."""

import astropy.units as u
import numpy as np
import pyarrow as pa
import pytest
from astropy.table import MaskedColumn, QTable, Table
from astropy.time import Time
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from skybind.data.schema import Column, DatasetSchema
from skybind.data.write import DatasetWriter
from skybind.errors import DataError
from skybind.ingest.given import take_given
from skybind.ingest.wanted import wanted_modalities
from skybind.modalities.cleaning import AB_ZERO_FLUX
from skybind.ragged import Ragged
from tests.ingest.test_given import COLUMNS, SCHEMA, WANTED

pandas = pytest.importorskip("pandas")


def take(data=None, **keywords):
    return take_given(data, wanted=WANTED, **keywords)


class Truth:
    """Light curves [d, mJy] and parallaxes [mas] of some objects; None where there is none."""

    def __init__(self, lengths, seed):
        rng = np.random.default_rng(seed)
        self.ids = [f"star-{i}" for i in rng.permutation(len(lengths))]
        self.time = [None if n is None else np.sort(rng.uniform(0, 100, n)) for n in lengths]
        self.flux = [None if n is None else rng.uniform(1, 9, n) for n in lengths]
        self.err = [None if n is None else rng.uniform(0.1, 1, n) for n in lengths]
        self.parallax = rng.uniform(0.1, 9, len(lengths))
        self.present = [n is not None for n in lengths]

    def records(self, names=("time", "flux", "flux_err"), factor=(1.0, 1.0)):
        """Give one mapping an object; times and fluxes times some factors."""
        a, b = factor
        rows = zip(self.time, self.flux, self.err, strict=True)
        return [
            None if t is None else dict(zip(names, (t * a, f * b, e * b), strict=True))
            for t, f, e in rows
        ]

    def objects(self, which, factor=1.0):
        cells = np.empty(len(self.ids), object)
        cells[:] = [None if x is None else x * factor for x in getattr(self, which)]
        return cells


UNITS = {"photometry": {"time": "h", "flux": "uJy"}, "parallax": "arcsec"}


def with_unit(name, kind, unit):
    return pa.field(name, kind, metadata={"unit": unit})


def as_astropy(t):
    table = Table({"object_id": t.ids})
    table["time"], table["flux"], table["flux_err"] = (
        t.objects("time"), t.objects("flux", 1e-3), t.objects("err", 1e3)
    )  # fmt: skip
    table["parallax"] = t.parallax * u.mas
    for name, unit in {"time": "d", "flux": "Jy", "flux_err": "uJy"}.items():
        table[name].unit = unit
    return take(table)


def as_pandas(t):
    frame = pandas.DataFrame(
        {
            "hjd": list(t.objects("time")),
            "FLUX": list(t.objects("flux", 1e3)),
            "e_flux": list(t.objects("err", 1e3)),
            "Parallax": t.parallax / 1000,
        },
        index=t.ids,
    )
    frame.attrs["units"] = {"hjd": "d", "FLUX": "uJy", "Parallax": "arcsec"}
    return take(frame)


def as_pandas_with_units_by_keyword(t):
    curves = pandas.DataFrame({"name": t.ids, "photometry": t.records(factor=(24, 1e3)),
                               "parallax": t.parallax / 1000})  # fmt: skip
    return take(curves, units=UNITS)


def as_lists_of_arrow(t):
    doubles = pa.list_(pa.float64())
    schema = pa.schema(
        [
            ("id", pa.string()),
            with_unit("mjd", doubles, "d"),
            with_unit("flux", pa.large_list(pa.float64()), "mJy"),
            ("flux_err", doubles),
            with_unit("parallax", pa.float64(), "mas"),
        ]
    )
    columns = {"id": t.ids, "mjd": t.time, "flux": t.flux, "flux_err": t.err}
    return take(pa.table({**columns, "parallax": t.parallax}, schema=schema))


def as_struct_of_arrow(t):
    doubles = pa.list_(pa.float64())
    struct = pa.struct(
        [with_unit("time", doubles, "h"), with_unit("flux", doubles, "uJy"), ("flux_err", doubles)]
    )
    curves = pa.array(t.records(factor=(24, 1e3)), struct)
    table = pa.table({"object_id": t.ids, "lightcurve": curves, "parallax": t.parallax})
    return take(table, units={"parallax": "mas"})


def as_lists_of_structs(t):
    struct = pa.struct([("time", pa.float64()), ("flux", pa.float64()), ("flux_err", pa.float64())])
    rows = [
        None
        if r is None
        else [dict(zip(r, row, strict=True)) for row in zip(*r.values(), strict=True)]
        for r in t.records()
    ]
    curves = pa.array(rows, pa.list_(struct))
    return take(pa.table({"object_id": t.ids, "ztf": curves, "parallax": t.parallax}))


def as_nested_pandas(t):
    nested = pytest.importorskip("nested_pandas")
    base = nested.NestedFrame({"parallax": t.parallax}, index=t.ids)
    rows = [pandas.DataFrame(r, index=[i] * len(r["time"]))
            for i, r in zip(t.ids, t.records(), strict=True) if r is not None]  # fmt: skip
    return take(base.join_nested(pandas.concat(rows), "lc"))


def as_arrays(t):
    curves = t.records()
    for curve in curves:
        if curve is not None:
            curve["time"] = Time(curve["time"] + 2450000, format="jd")
            curve["flux"] = (curve["flux"] * u.mJy).to(u.uJy)
            curve["flux_err"] = curve["flux_err"] * u.mJy
    found = take(photometry=curves, metadata={"parallax": t.parallax * u.mas}, object_id=t.ids)
    fields = found.dataset.ragged("photometry")
    fields.fields["time"] = fields.fields["time"] - 2450000
    return found, fields


def as_a_long_table(t):
    owner = np.concatenate([[i] * len(x) for i, x in zip(t.ids, t.time, strict=True)])
    columns = {
        "object_id": owner,
        "bjd": np.concatenate(t.time),
        "mag": -2.5 * np.log10(np.concatenate(t.flux) / AB_ZERO_FLUX),
    }
    flux, err = np.concatenate(t.flux), np.concatenate(t.err)
    columns["magerr"] = 2.5 / np.log(10) * err / flux
    parallax = dict(zip(t.ids, t.parallax, strict=True))
    columns["parallax"] = np.array([parallax[i] for i in owner])
    return take(QTable(columns, units={"bjd": "d", "mag": "mag", "parallax": "mas"}))


def as_a_dataset(t):
    import tempfile

    rows = [r or dict.fromkeys(("time", "flux", "flux_err"), np.zeros(0)) for r in t.records()]
    fields = {n: np.concatenate([r[n] for r in rows]) for n in rows[0]}
    offsets = np.concatenate([[0], np.cumsum([len(r["time"]) for r in rows])]).astype(np.int64)
    with tempfile.TemporaryDirectory() as folder:
        names = ("photometry", "parallax")
        with DatasetWriter(f"{folder}/data", {n: COLUMNS[n] for n in names}) as writer:
            writer.append({"object_id": np.array(t.ids), "parallax": t.parallax,
                           "photometry": Ragged(fields, offsets, np.array(t.present))})  # fmt: skip
        found = take(f"{folder}/data")
        return found, found.dataset.ragged("photometry"), found.dataset.numbers("parallax"), t.ids


WAYS = [as_astropy, as_pandas, as_pandas_with_units_by_keyword, as_lists_of_arrow,
        as_struct_of_arrow, as_lists_of_structs, as_nested_pandas, as_arrays, as_a_long_table,
        as_a_dataset]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=8, deadline=None)
@drawn(
    lengths=st.lists(st.one_of(st.none(), st.integers(2, 6)), min_size=1, max_size=5).filter(any),
    seed=st.integers(0, 1000),
)
def test_one_truth_in_many_ways(way, lengths, seed):
    if way is as_a_long_table:  # an object without epochs is not in it
        lengths = [n or 3 for n in lengths]
    truth = Truth(lengths, seed)
    found = way(truth)
    found, *read = found if isinstance(found, tuple) else (found,)
    curves = read[0] if read else found.dataset.ragged("photometry")
    parallax = read[1] if len(read) > 1 else found.dataset.numbers("parallax")
    assert (read[2] if len(read) > 2 else found.dataset.object_ids.tolist()) == truth.ids
    assert curves.present.tolist() == truth.present
    assert list(curves.fields) == ["time", "flux", "flux_err"]
    for name, values in {"time": truth.time, "flux": truth.flux, "flux_err": truth.err}.items():
        right = np.concatenate([v for v in values if v is not None])
        np.testing.assert_allclose(curves.fields[name], right, rtol=2e-6, atol=1e-9)
    np.testing.assert_allclose(parallax, truth.parallax, rtol=1e-12)
    assert all(not reason.any() for reason in found.reasons.values())
    assert found.dataset.schema.fields("photometry") == SCHEMA.fields("photometry")


def test_rows_that_cannot_be_used_stay_with_their_reason():
    good = [1.0, 2.0, 3.0]
    cells = {
        "good": (good, [1.0, 5.0, 2.0]),
        "unequal": (good, [1.0, 5.0]),
        "empty": ([], []),
        "none": (None, None),
        "NaN": (np.nan, np.nan),
        "half": (good, None),
        "text": (good, "see the paper"),
        "one": (good, 3.0),
        "words": (good, ["a", "b", "c"]),
        "a word": (good, [1.0, "saturated", 2.0]),
        "constant": (good, [2.0, 2.0, 2.0]),
        "all NaN": (good, [np.nan] * 3),
        "table": (good, {"flux": good}),
    }
    frame = pandas.DataFrame(
        {"object_id": list(cells), "time": [c[0] for c in cells.values()],
         "flux": [c[1] for c in cells.values()]}
    )  # fmt: skip
    frame.loc[frame.object_id == "table", "flux"] = None
    found = take(frame)
    assert found.dataset.object_ids.tolist() == list(cells)
    told = dict(zip(cells, found.reasons["photometry"], strict=True))
    present = dict(zip(cells, found.dataset.present("photometry").tolist(), strict=True))
    assert [name for name, there in present.items() if there] == ["good", "a word"]
    assert told["good"] == told["none"] == told["NaN"] == told["a word"] == ""
    assert told["unequal"] == "lists of different length: 3 in time, 2 in flux"
    assert told["empty"] == "empty light curve"
    assert told["half"] == told["table"] == "no list in flux"
    assert told["text"] == "flux holds text, not a list ('see the paper')"
    assert told["one"] == "flux holds a single value, not a list (3.0)"
    assert told["words"] == told["all NaN"] == "no epoch with a finite time and flux"
    assert told["constant"] == "constant flux (zero MAD)"
    assert any("4 values of flux are text" in note for note in found.notes)


def test_numbers_of_the_catalogue_that_are_none_are_told():
    table = Table({"id": ["a", "b", "c"], "parallax": ["1.5", "bright", "inf"]})
    found = take(table)
    assert found.reasons["metadata"].tolist() == [
        "", "no number in column 'parallax' ('bright')", "infinite number in column 'parallax'",
    ]  # fmt: skip
    np.testing.assert_array_equal(found.dataset.numbers("parallax"), [1.5, np.nan, np.nan])
    assert any("parallax of the given Table states no unit: taken as in mas" in n
               for n in found.notes)  # fmt: skip


def test_missing_observations_are_not_observed():
    masked = MaskedColumn([1.0, 2.0], mask=[True, False], unit="mas")
    found = take(Table({"parallax": masked, "ratio": [np.nan, np.nan]}))
    assert found.dataset.present("metadata").tolist() == [False, True]
    assert not found.dataset.present("photometry").any()
    assert not found.dataset.present("spectrum").any()
    assert any("has no photometry and spectrum" in note for note in found.notes)
    assert found.dataset.object_ids.tolist() == ["0", "1"]


def test_spectra_and_light_curves_in_one_table():
    wave, flux = np.linspace(4000, 5000, 4), np.array([1.0, 2, 4, 3])
    table = Table(
        {
            "time": [flux, flux], "mag": [flux + 10, flux + 11],
            "wavelength": [wave / 10] * 2, "flux": [flux, flux * 2], "ivar": [flux, flux],
        },
        units={"time": "d", "mag": "mag", "wavelength": "nm", "flux": "1e-17 erg/(s cm2 Angstrom)"},
    )  # fmt: skip
    found = take(table).dataset
    np.testing.assert_allclose(found.ragged("spectrum").fields["wavelength"][:4], wave)
    np.testing.assert_allclose(found.ragged("spectrum").fields["flux"][4:], flux * 2)
    magnitude = -2.5 * np.log10(found.ragged("photometry").fields["flux"] / AB_ZERO_FLUX)
    np.testing.assert_allclose(magnitude[:4], np.sort(flux)[[0, 1, 2, 3]] + 10, rtol=1e-6)
    del table["mag"]
    with pytest.raises(DataError, match=r"flux of the given Table could be of photometry or of"):
        take(table)
    table.rename_columns(["time", "flux"], ["photometry_time", "spectrum_flux"])
    table["photometry_flux"] = table["spectrum_flux"].value * u.mJy
    again = take(table).dataset
    assert again.present("photometry").all()
    assert again.present("spectrum").all()


IMAGES = wanted_modalities(
    DatasetSchema.from_note(
        {
            "observations": {"image": {"g": "nmgy", "r": "nmgy"}},
            "attributes": {"image": {"pixel_scale": 0.262, "stretch": "linear"}},
            "features": {},
        }
    ),
    {"image": ("image", "image")},
)
CUBES = np.random.default_rng(1).normal(0, 1, (3, 2, 4, 4)).astype(np.float32)


@pytest.mark.parametrize(
    "images",
    [
        {"data": Table({"image": CUBES * u.nJy * 3631})},
        {"data": Table({"image": CUBES, "id": [1, 2, 3]})},
        {"data": Table({"image": np.moveaxis(CUBES, 1, 3)})},
        {"data": Table({"image_r": CUBES[:, 1], "image_g": CUBES[:, 0]})},
        {"data": pa.table({"image": pa.array(CUBES.tolist())})},
        {"image": [{"g": c[0], "r": c[1]} for c in CUBES]},
        {"image": list(CUBES)},
    ],
)
def test_images_as_cubes_or_bands(images):
    images = dict(images)
    found = take_given(images.pop("data", None), wanted=IMAGES, **images)
    fields = found.dataset.ragged("image").fields
    for place, band in enumerate("gr"):
        np.testing.assert_allclose(
            fields[band].reshape(3, 4, 4), CUBES[:, place], rtol=1e-5, atol=1e-6
        )
    assert not found.reasons["image"].any()


def test_images_that_do_not_fit_are_told():
    cubes = [CUBES[0], CUBES[1][:, :3], CUBES[2].ravel()[:31], None, "a.fits"]
    found = take_given(wanted=IMAGES, image=cubes)
    assert found.dataset.present("image").tolist() == [True, False, False, False, False]
    assert found.reasons["image"].tolist() == [
        "", "image is not square", "image holds 31 pixels, which are no 2 bands (g, r)", "",
        "image holds text, not a list ('a.fits')",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "keywords", "message"),
    [
        (Table({"time": [[1.0, 2]], "flux": [[1.0, 2]]}, units={"flux": "mag"}), {},
         "flux: the unit 'mag' cannot be converted to mJy"),
        (Table({"parallax": [1.0]}, units={"parallax": "km"}), {},
         "parallax of the given Table: the unit 'km' cannot be converted to mas"),
        (Table({"parallaks": [1.0]}), {}, "has none of .*did you mean 'parallax'"),
        (Table({"parallax": [1.0]})[:0], {}, "has no rows"),
        (Table({"parallax": [1.0]}), {"units": {"paralax": "mas"}}, "did you mean 'parallax'"),
        (Table({"parallax": [1.0]}), {"units": {"fotometry": {"flux": "Jy"}}},
         "did you mean 'photometry'"),
        (None, {}, "Give either"),
        (Table({"parallax": [1.0]}), {"metadata": {"parallax": 1}}, "Give either"),
        (None, {"spectra": {"flux": [1]}}, "did you mean 'spectrum'"),
        (None, {"photometry": {"t_obs": [1, 2], "flux": [1, 2]}}, "lacks the time"),
        (None, {"photometry": [None, None], "object_id": ["a"]}, "object_id has 1 objects where"),
        (42, {}, "A int cannot be read"),
        (Table({"photometry": [{"time": [1.0], "flux": [1]}], "lc_time": [[1.0]]}),
         {"units": {"photometry": {"fluxx": "Jy"}}}, "no column 'fluxx': did you mean 'flux'"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_sentence(data, keywords, message):
    with pytest.raises(DataError, match=message):
        take(data, **keywords)


def test_positions_and_names_are_kept():
    table = Table({"source_id": [2**60 + 1, 5], "RA": ["01:00:00", "x"], "dec": [1.0, -95.0]})
    table["RA"].unit, table["dec"].unit, table["parallax"] = "hourangle", "deg", [1.0, 2.0]
    found = take(table)
    assert found.dataset.object_ids.tolist() == [str(2**60 + 1), "5"]
    np.testing.assert_allclose(found.dataset.numbers("ra"), [15.0, np.nan])
    np.testing.assert_allclose(found.dataset.numbers("dec"), [1.0, np.nan])
    assert any("no angle in column 'RA' ('x')" in note for note in found.notes)
    assert any("dec is out of range" in note for note in found.notes)


def test_whatever_gives_arrow_columns_is_a_table():
    class Frame:
        """Such as that of polars."""

        def __arrow_c_stream__(self, requested=None):
            return pa.table({"parallax": [1.0, 2.0]}).__arrow_c_stream__(requested)

    found = take(Frame())
    assert found.dataset.numbers("parallax").tolist() == [1.0, 2.0]


def test_pandas_is_not_needed():
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "real = PathFinder.find_spec\n"
        "PathFinder.find_spec = lambda name, *rest: (\n"
        "    None if name in ('pandas', 'nested_pandas') else real(name, *rest))\n"
        "import numpy as np, pyarrow as pa\n"
        "from skybind.data.schema import DatasetSchema\n"
        "from skybind.ingest.given import take_given\n"
        "from skybind.ingest.wanted import wanted_modalities\n"
        "print([m for m in ('nested_pandas', 'astropy.table') if m in sys.modules])\n"
        "from astropy.table import Table\n"
        "note = {'observations': {}, 'features': {'x': {'modality': 'metadata', 'unit': None}}}\n"
        "for table in (pa.table({'x': [1.0]}), Table({'x': [1.0]})):\n"
        "    schema = DatasetSchema.from_note(note)\n"
        "    wanted = wanted_modalities(schema, {'metadata': ('metadata', 'metadata')})\n"
        "    found = take_given(table, wanted=wanted)\n"
        "    print(found.dataset.numbers('x'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split("\n")[:3] == ["[]", "[1.]", "[1.]"], done.stderr


def test_pixel_scales_are_checked():
    records = [{"g": c[0], "r": c[1], "pixel_scale": s}
               for c, s in zip(CUBES, (0.262 * u.arcsec, 1 * u.arcsec, 0.262 / 60 * u.arcmin),
                               strict=True)]  # fmt: skip
    found = take_given(wanted=IMAGES, image=records)
    assert found.dataset.present("image").tolist() == [True, False, True]
    assert "1 arcsec a pixel, the model's images have 0.262" in found.reasons["image"][1]
    assert not any("pixel_scale" in note for note in found.notes)
    without = take_given(wanted=IMAGES, image=list(CUBES))
    assert any("no pixel_scale is stated; taken as 0.262 arcsec" in n for n in without.notes)


DAYS = np.array(["2020-01-01", "2020-01-02T12:00", "2020-01-04"], "datetime64[ns]")


@pytest.mark.parametrize("cell", [DAYS, list(DAYS), pandas.Series(DAYS), Time(DAYS)])
def test_dates_are_days_whatever_they_are_written_as(cell):
    found = take(photometry={"time": cell, "flux": [1.0, 2, 4] * u.mJy})
    time = found.dataset.ragged("photometry").fields["time"]
    np.testing.assert_allclose(time, 2458849.5 + np.array([0, 1.5, 3]), rtol=0, atol=1e-8)
    long = pa.table({"mjd": pa.array(DAYS), "flux": [1.0, 2.0, 4.0]})
    time = take(long).dataset.ragged("photometry").fields["time"]
    np.testing.assert_allclose(time, 2458849.5 + np.array([0, 1.5, 3]), rtol=0, atol=1e-8)


def test_magnitudes_of_the_ab_system_and_relative_fluxes():
    time = [1.0, 2, 3] * u.d
    found = take(photometry={"time": time, "mag": [20.0, 21, 23] * u.ABmag})
    flux = found.dataset.ragged("photometry").fields["flux"]
    np.testing.assert_allclose(flux, AB_ZERO_FLUX * 10 ** (-0.4 * np.array([20.0, 21, 23])))
    with pytest.raises(DataError, match=r"magnitude: the unit 'mag\(ST\)' cannot be converted"):
        take(photometry={"time": time, "mag": [20.0, 21, 23] * u.STmag})
    with pytest.raises(DataError, match="flux: the unit '1' cannot be converted to mJy"):
        take(photometry={"time": time, "flux": [1.0, 2, 4] * u.dimensionless_unscaled})
    with pytest.raises(DataError, match="flux: the unit 'electron / s' cannot be converted"):
        take(photometry={"time": time, "flux": [1.0, 2, 4] * u.electron / u.s})


def test_cells_of_other_units_are_converted_or_told():
    fluxes = [[1.0, 2, 4] * u.mJy, [1000.0, 2000, 4000] * u.uJy, [1.0, 2, 4] * u.m, [1.0, 2, 4]]
    found = take(photometry=[{"time": [1.0, 2, 3], "flux": f} for f in fluxes])
    curves = found.dataset.ragged("photometry")
    assert curves.present.tolist() == [True, True, False, False]
    np.testing.assert_allclose(curves.fields["flux"], [1, 2, 4] * 2)
    assert found.reasons["photometry"][2:].tolist() == [
        "photometry.flux holds a list in 'm' where others are in 'mJy'",
        "photometry.flux holds a list without a unit where others are in 'mJy'",
    ]


JUNK = st.one_of(
    st.none(),
    st.floats(),
    st.text(max_size=3),
    st.integers(),
    st.lists(st.floats(), max_size=4),
    st.lists(st.one_of(st.none(), st.text(max_size=2), st.floats()), max_size=4),
    st.lists(st.lists(st.floats(), max_size=2), max_size=2),
    st.dictionaries(st.sampled_from(["time", "flux", "x"]), st.lists(st.floats()), max_size=2),
    st.just(np.array([1, 2, 3])),
    st.just([1.0, 2.0] * u.m),
    st.just(b"bytes"),
    st.just(object()),
)


@settings(max_examples=150, deadline=None)
@drawn(cells=st.lists(st.tuples(JUNK, JUNK), min_size=1, max_size=5))
def test_whatever_stands_in_cells_only_rows_suffer(cells):
    good = [([1.0, 2.0, 3.0], [1.0, 5.0, 2.0])] * 6  # more than junk: the columns are of lists
    times, fluxes = zip(*good, *cells, strict=True)
    frame = pandas.DataFrame({"object_id": range(len(times))})
    frame["time"] = pandas.Series(list(times), dtype=object)
    frame["flux"] = pandas.Series(list(fluxes), dtype=object)
    found = take(frame)
    assert found.dataset.object_ids.tolist() == [str(i) for i in range(len(times))]
    present = found.dataset.present("photometry")
    assert present[:6].all()
    for row, reason in enumerate(found.reasons["photometry"]):
        assert not (present[row] and reason)
        if not present[row] and not reason:  # nothing was there
            assert times[row] is None or isinstance(times[row], float)


def test_units_of_the_catalogue_are_applied_where_the_model_knows_none():
    columns = {
        "period": Column("feature", modality="metadata"),
        "l": Column("feature", modality="metadata"),
        "teff": Column("feature", modality="metadata"),
    }
    wanted = wanted_modalities(DatasetSchema(columns), {"metadata": ("metadata", "metadata")})
    units = {"period": "h", "l": "rad", "teff": "kK"}
    table = Table({"period": [12.0], "l": [np.pi], "teff": [5.0]}, units=units)
    found = take_given(table, wanted=wanted).dataset
    read = [found.numbers(name)[0] for name in columns]
    np.testing.assert_allclose(read, [0.5, 180, 5])
    table["period"].unit = "mag"
    with pytest.raises(DataError, match="'mag' cannot be converted to d"):
        take_given(table, wanted=wanted)


@pytest.mark.parametrize("absurd", [1.797e308, -1e39, np.inf])
def test_numbers_beyond_single_precision_are_told(absurd):
    found = take(Table({"id": ["a", "b"], "parallax": [absurd, 1.0]}))
    np.testing.assert_array_equal(found.dataset.numbers("parallax"), [np.nan, 1.0])
    assert found.reasons["metadata"][0] != ""


def test_positions_of_a_query_in_hours_and_out_of_range():
    table = Table({"ra": ["06:37:15.9", "400"], "dec": ["-00:30:00", "95"], "parallax": [1.0, 2]})
    found = take(table)
    np.testing.assert_allclose(found.dataset.numbers("ra"), [99.31625, np.nan])
    np.testing.assert_allclose(found.dataset.numbers("dec"), [-0.5, np.nan])
    assert any("it is read as hours" in note for note in found.notes)
    assert any("1 rows have no ra: ra is out of range (400 deg)" in note for note in found.notes)
