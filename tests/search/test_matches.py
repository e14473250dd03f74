"""What matches are to their query, and what they predict."""

from types import SimpleNamespace

import numpy as np
import pytest

from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.embeddings.store import Embeddings
from skybind.search.matches import _named_alike, _separations
from skybind.search.query import Query
from skybind.search.result import SearchResult
from skybind.search.search import SearchOptions, search

IDS = np.array(["a", "b", "c", "d", "e"])


@pytest.fixture
def survey(tmp_path):
    """Five objects; the light curves of a and b are the same, and the spectrum of b says so too."""
    folder = tmp_path / "data"
    columns = {"label": Column("label"), "period": Column("feature", "d", modality="photometry")}
    with DatasetWriter(folder, columns) as writer:
        writer.append(
            {
                "object_id": IDS,
                "ra": 10 + np.array([0, 1e5, 2e5, 1.1, 0.9]) / 3600,
                "dec": np.zeros(5),
                "label": np.array(["EW", "EA", "EA", "EA", "M"]),
                "period": np.array([100.0, 1, 2, 3, np.nan]),
            }
        )
    angles = {"photometry": [0, 0, 0.02, 0.05, 1.2], "spectrum": [0.5, 0, 0.02, 0.7, 1.2]}
    vectors = {
        name: np.stack([np.cos(angle), np.sin(angle)], axis=1) for name, angle in angles.items()
    }
    present = {name: np.ones(5, bool) for name in vectors}
    present["spectrum"][3] = False
    vectors["spectrum"][3] = 0
    Embeddings(IDS, np.full(5, "train"), vectors, present).write(tmp_path / "embeddings")

    def find(**options):
        return search(tmp_path / "embeddings", ["a"], SearchOptions(k=5, **options), data=folder)

    return find


def told(found):
    return dict(zip(found.object_id, found.relation, strict=True))


def test_alike_in_one_modality_may_be_the_same_data(survey):
    found = told(survey(source=["photometry"], target=["photometry"]))
    assert found == {"b": "same data", "c": "alike", "d": "alike", "e": "same position"}


def test_across_modalities_a_cosine_of_one_tells_no_duplicate(survey):
    found = survey(source=["photometry"], target=["spectrum"])
    assert found.cosine[:2] == pytest.approx(np.cos([0, 0.02]))
    assert told(found) == {"a": "itself", "b": "alike", "c": "alike", "e": "same position"}
    both = told(survey(source=["photometry"], target=["photometry", "spectrum"]))
    assert set(both.values()) == {"itself", "same position", "alike"}


def test_a_query_does_not_predict_itself(survey):
    found = survey(source=["photometry"], target=["spectrum"], predict=["period", "label"])
    period, label = found.predictions[0]
    assert (period.n, period.mean) == (2, 1.5)
    assert label.fractions == {"EA": 1.0}  # 'e' stands at the query's own position
    assert any("1 matches are a query itself under another name" in n for n in found.notes)


def test_the_contrast_needs_both_modalities(survey):
    found = survey(source=["photometry"], target=["photometry"], contrast="spectrum")
    assert found.object_id.tolist() == ["e", "b", "c"]


def test_names_that_only_case_tells_apart_are_two_objects_of_a_survey():
    """A query from elsewhere has the same name in any case."""
    found = SearchResult.__new__(SearchResult)
    found.queries = [Query("AB Cas", {}, row=0), Query("ab cas", {})]
    found.query = np.array([0, 0, 1, 1])
    found.object_id = np.array(["ab Cas", "ABCas", "AB Cas", "V1"])
    assert _named_alike(found).tolist() == [False, True, True, False]


def test_what_catalogues_write_for_an_unknown_place_is_no_distance():
    places = {"ra": np.array([10.0, -999.0, 10.0]), "dec": np.array([0.0, -999.0, 1.0])}
    dataset = SimpleNamespace(column=lambda name, rows: places[name][rows])
    queries = [SimpleNamespace(position=(np.nan, np.nan), row=row) for row in (0, 1)]

    class Found(SimpleNamespace):
        def __len__(self):
            return len(self.query)

    shown = {name: np.append(values[1:], values[2]) for name, values in places.items()}
    result = Found(queries=queries, query=np.array([0, 0, 1]), columns=shown)
    apart = _separations(result, dataset, np.array([0, 1]))
    np.testing.assert_allclose(apart, [np.nan, 3600, np.nan])
