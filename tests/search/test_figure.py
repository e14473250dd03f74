"""Figures of a search tell redshifts, and mark lines where they are."""

import itertools

import numpy as np
import pyarrow as pa
import pytest

from skybind.data.dataset import Dataset
from skybind.data.schema import Column, DatasetSchema
from skybind.data.write import DatasetWriter
from skybind.drawing.objects import GALAXY_LINES, LINES
from skybind.embeddings.store import Embeddings
from skybind.ragged import Ragged
from skybind.search.figure import draw_search, from_file
from skybind.search.query import Query
from skybind.search.result import predicted_table
from skybind.search.search import SearchOptions, search


@pytest.fixture
def figure(tmp_path):
    wavelength = np.linspace(3600, 9800, 200).astype(np.float32)
    columns = {
        "spectrum": Column(
            "observation",
            modality="spectrum",
            fields={"wavelength": "Angstrom", "flux": "1e-17 erg / (s cm2 Angstrom)"},
        ),
        "redshift": Column("target"),
    }
    flux = np.random.default_rng(0).normal(size=600).astype(np.float32)
    curves = Ragged(
        {"wavelength": np.tile(wavelength, 3), "flux": flux, "ivar": np.ones(600, np.float32)},
        np.arange(4) * 200,
        np.ones(3, bool),
    )
    with DatasetWriter(tmp_path / "data", columns) as writer:
        writer.append(
            {
                "object_id": np.array(["a", "b", "c"]),
                "ra": np.arange(3.0),
                "dec": np.zeros(3),
                "spectrum": curves,
                "redshift": np.array([0.2, 0.1, np.nan]),
            }
        )
    vectors = {"spectrum": np.eye(3, 4, dtype=np.float32) * 0.9 + 0.1}
    vectors["spectrum"] /= np.linalg.norm(vectors["spectrum"], axis=1, keepdims=True)
    ids = np.array(["a", "b", "c"])
    Embeddings(ids, np.full(3, "test"), vectors, {"spectrum": np.ones(3, bool)}).write(
        tmp_path / "embeddings"
    )
    found = search(tmp_path / "embeddings", ["a"], SearchOptions(k=2), data=tmp_path / "data")
    made = draw_search(found, Dataset.open(tmp_path / "data"))
    made.draw_without_rendering()
    return made


def predicted(folder, redshift):
    """A query and the mean spectrum of its matches, whose one line stands at 5000 Å at rest."""
    n = len(redshift) + 1
    every = np.array([0.0, *redshift])
    wavelength = np.tile(np.linspace(4000, 9000, 2001), n)
    rest = 5000 * (1 + np.repeat(np.nan_to_num(every, nan=0.3), 2001))
    noise = np.random.default_rng(0).normal(0, 0.01, len(wavelength))
    flux = 1 + 5 * np.exp(-0.5 * ((wavelength - rest) / 20) ** 2) + noise
    fields = {"wavelength": wavelength, "flux": flux.astype(np.float32)}
    about = Column(
        "observation", modality="spectrum", fields={"wavelength": "Angstrom", "flux": ""}
    )
    ids = np.array([f"o{i}" for i in range(n)])
    with DatasetWriter(
        folder / "data", {"spectrum": about, "redshift": Column("target")}
    ) as writer:
        writer.append(
            {
                "object_id": ids,
                "ra": np.arange(n) * 1.0,
                "dec": np.zeros(n),
                "spectrum": Ragged(fields, np.arange(n + 1) * 2001, np.ones(n, bool)),
                "redshift": every,
            }
        )
    vectors = {"spectrum": np.eye(n, n, dtype=np.float32)}
    Embeddings(ids, np.full(n, "test"), vectors, {"spectrum": np.ones(n, bool)}).write(
        folder / "embeddings"
    )
    options = SearchOptions(k=n - 1, predict=["spectrum"])
    found = search(folder / "embeddings", ["o0"], options, data=folder / "data")
    drawn = draw_search(found, Dataset.open(folder / "data"))
    (axes,) = [axes for axes in drawn.axes if axes.get_title(loc="left").startswith("Mean")]
    (mean,) = found.spectra
    return mean, found.notes, axes


def test_a_mean_spectrum_is_at_rest_where_redshifts_are_known(tmp_path):
    mean, notes, axes = predicted(tmp_path, [0.1, 0.2, 0.4, np.nan])
    assert mean.wavelength[np.nanargmax(mean.flux)] == pytest.approx(5000, abs=5)
    assert mean.n.max() == 3
    said = "o0: the mean spectrum is in the rest frame; 1 without a known redshift are left out."
    assert said in notes
    assert axes.get_xlabel() == "Rest wavelength [Å]"
    assert "rest frame, and its spread (1 without a redshift left out)" in axes.get_title(
        loc="left"
    )
    table = predicted_table(mean)
    assert table.column_names[0] == "rest_wavelength"


def test_a_mean_of_spectra_as_observed_is_told(tmp_path):
    mean, notes, axes = predicted(tmp_path, [0.1, np.nan, np.nan])
    assert mean.n.max() == 3
    assert any("as they were observed, whatever their redshifts" in note for note in notes)
    assert axes.get_xlabel() == "Observed wavelength [Å]"
    assert "observed frame" in axes.get_title(loc="left")
    assert predicted_table(mean).column_names[0] == "wavelength"


def test_matches_that_are_not_in_the_mean_at_rest_are_told(tmp_path):
    mean, notes, axes = predicted(tmp_path, [0.1, 0.11, 0.12, 3.0])
    assert (mean.averaged, mean.n.max()) == (3, 3)
    assert any("1 of 4 spectra are not in the mean spectrum" in note for note in notes)
    assert "Mean spectrum of 3 matches in the rest frame" in axes.get_title(loc="left")


def of_object(figure, name):
    part = next(
        part
        for part in figure.subfigs
        if part._suptitle is not None and name in part._suptitle.get_text().split()
    )
    (axes,) = part.axes
    return part._suptitle.get_text(), [text.get_text() for text in axes.texts], axes


def test_redshifts_are_told_and_lines_are_those_of_galaxies_there(figure):
    title, names, axes = of_object(figure, "b")
    assert "redshift 0.1" in title
    assert "[O III]" in names
    lines = {line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 2}
    assert any(abs(at - GALAXY_LINES["Hα"][0] * 1.1) < 0.01 for at in lines)
    assert not any(abs(at - LINES["Hα"][0]) < 0.01 for at in lines)


def test_no_lines_are_marked_where_the_redshift_is_not_known(figure):
    title, names, _ = of_object(figure, "c")
    assert "redshift" not in title
    assert names == []


def test_labels_of_rows_keep_apart(figure):
    boxes = sorted(
        (axes.yaxis.label.get_window_extent() for axes in figure.axes), key=lambda box: box.y0
    )
    assert len(boxes) == 3
    for low, high in itertools.pairwise(boxes):
        assert low.y1 < high.y0


def survey(**columns):
    """A dataset of one object, of columns as (Column, value)."""
    table = pa.table({"object_id": ["a"], **{n: [value] for n, (_, value) in columns.items()}})
    known = {"object_id": Column("id"), **{name: about for name, (about, _) in columns.items()}}
    return Dataset.from_table(table, DatasetSchema(known))


def test_lines_of_a_file_stand_at_a_redshift_that_was_given():
    grid = np.linspace(4000, 7000, 100)
    held = Ragged({"wavelength": grid, "flux": np.sin(grid)}, np.array([0, 100]), np.ones(1, bool))
    galaxies = survey(redshift=(Column("feature", modality="catalogue"), 0.1))

    def drawn(dataset, **features):
        query = Query("x", {}, observed=held, kind="spectrum", features=features)
        spectrum = from_file(query, dataset).spectrum
        return spectrum.redshift, spectrum.redshift_of

    assert drawn(galaxies, redshift=0.2) == (0.2, "redshift")
    redshift, of = drawn(galaxies)
    assert np.isnan(redshift)
    assert of == ""
    assert drawn(survey()) == (0.0, "")


def test_a_light_curve_of_a_file_keeps_its_bands():
    time = np.arange(20.0)
    band = np.array(["g", "r"] * 10, object)
    fields = {"time": time, "flux": 9 + np.sin(time), "flux_err": np.ones(20), "band": band}
    held = Ragged(fields, np.array([0, 20]), np.ones(1, bool))
    query = Query("x", {}, observed=held, kind="photometry", column="photometry")
    assert from_file(query, survey()).light_curve.band.tolist() == band.tolist()


@pytest.fixture
def two_spectra(tmp_path):
    """Objects with a blue and a red spectrum, of which 'hires' embeds the red and the second."""
    grid = {"blue": np.linspace(3800, 5000, 100), "red": np.linspace(6000, 9000, 100)}
    fields = {"wavelength": "Angstrom", "flux": ""}
    about = Column("observation", modality="spectrum", fields=fields)
    flux = np.random.default_rng(0).normal(9, 1, 200).astype(np.float32)
    every = {
        name: Ragged(
            {"wavelength": np.tile(one, 2), "flux": flux}, np.arange(3) * 100, np.ones(2, bool)
        )
        for name, one in grid.items()
    }
    ids = np.array(["a", "b"])
    with DatasetWriter(tmp_path / "data", dict.fromkeys(grid, about)) as writer:
        writer.append({"object_id": ids, "ra": np.arange(2.0), "dec": np.zeros(2), **every})
    vectors = {name: np.eye(2, 4, dtype=np.float32) for name in ("hires", "lores")}
    Embeddings(ids, np.full(2, "test"), vectors, dict.fromkeys(vectors, np.ones(2, bool))).write(
        tmp_path / "embeddings"
    )
    return tmp_path


def wavelengths(figure):
    """First wavelength and label of each row, the query first."""
    axes = [part.axes[0] for part in figure.subfigs]
    return [(round(one.get_xlim()[0]), one.get_xlabel()) for one in axes]


@pytest.mark.parametrize(
    ("source", "target", "seen"),
    [("hires", "hires", ["red", "red"]), ("lores", "lores", ["blue", "blue"]),
     ("hires", "lores", ["red", "blue"])],
)  # fmt: skip
def test_what_was_searched_is_drawn(two_spectra, source, target, seen):
    options = SearchOptions(k=1, source=[source], target=[target], where="object_id == 'b'")
    found = search(two_spectra / "embeddings", ["a"], options, data=two_spectra / "data")
    found.reads = {"lores": "blue", "hires": "red"}
    start = {"blue": 3800, "red": 6000}
    drawn = draw_search(found, Dataset.open(two_spectra / "data"))
    assert wavelengths(drawn) == [(start[name], f"Wavelength [Å], {name}") for name in seen]


def test_a_column_that_is_not_known_is_told(two_spectra, caplog):
    options = SearchOptions(k=1, source=["hires"])
    found = search(two_spectra / "embeddings", ["a"], options, data=two_spectra / "data")
    assert found.reads == {}
    drawn = draw_search(found, Dataset.open(two_spectra / "data"))
    assert wavelengths(drawn)[0][1] == "Wavelength [Å], blue"
    assert "Which column hires is of is not known" in caplog.text


def test_each_query_has_its_own_mean_spectra(two_spectra):
    options = SearchOptions(k=1, source=["lores"], predict=["blue", "red"])
    found = search(two_spectra / "embeddings", ["a", "b"], options, data=two_spectra / "data")
    assert [[one.column for one in found.spectra_of(i)] for i in range(2)] == [["blue", "red"]] * 2
    assert found.spectra_of(1)[0] is found.spectra[2]
    drawn = draw_search(found, Dataset.open(two_spectra / "data"), 1)
    titles = [axes.get_title(loc="left") for axes in drawn.axes]
    assert [title.split()[1] for title in titles if title.startswith("Mean")] == ["blue", "red"]
