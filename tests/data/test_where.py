import numpy as np
import pytest

from skybind.data.dataset import Dataset, DatasetWriter
from skybind.data.schema import Column
from skybind.data.where import fulfilled
from skybind.errors import DataError


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("where") / "data"
    columns = {
        "label": Column("label"),
        "period": Column("feature", "d", modality="photometry"),
        "mag g": Column("feature", "mag", modality="metadata"),
        "n": Column("info"),
        "targetid": Column("info"),
    }
    with DatasetWriter(folder, columns) as writer:
        writer.append(
            {
                "object_id": np.array(list("abcdef")),
                "ra": np.arange(6.0),
                "dec": -np.arange(6.0),
                "label": np.array(["EW", "EA", "", "RRAB", "EW", "M"]),
                "period": np.array([0.3, 2.0, 1.0, np.nan, 0.9, 300.0]),
                "mag g": np.array([12.0, 13, 14, 15, 16, np.nan]),
                "n": np.array([1, 2, 3, 4, 5, 6]),
                "targetid": 39627658660906390 + np.arange(6),
            }
        )
    return Dataset.open(folder)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("period < 1", "ae"),
        ("period <= 1 and label == 'EW'", "ae"),
        ("label = 'EA' or period > 100", "bf"),
        ("label == 'EW' or label == 'EA' and period > 1", "abe"),
        ("(label == 'EW' or label == 'EA') and period > 0.5", "be"),
        ("not period < 1", "bcf"),
        ("not not period < 1", "ae"),
        ("label in ('EW', \"M\")", "aef"),
        ("label not in ('EW', 'M')", "bd"),
        ("period is null", "d"),
        ("label is not null and period is not null", "abef"),
        ("`mag g` - 2 * period >= 11", "ace"),
        ("n / 2 == 1.5", "c"),
        ("dec > -1.5 and -ra < -0.5", "b"),
        ("n != 1 AND n in (1, 2, 3)", "bc"),
        ("period in (1, 2)", "bc"),
        ("n in (1, 2.0)", "ab"),
        ("n * 2 > 9 and n + 0.5 < 6", "e"),
        ("targetid == 39627658660906391", "b"),
        ("targetid in (39627658660906391, 39627658660906393)", "bd"),
        ("targetid > 39627658660906394", "f"),
        ("n < 99999999999999999999", "abcdef"),
    ],
)
def test_conditions(dataset, text, expected):
    kept = fulfilled(dataset, text)
    assert "".join(dataset.object_ids[kept]) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("peroid < 1", "did you mean 'period'"),
        ("period <", "its end"),
        ("period < 1 label", "'label'"),
        ("(period < 1", r"'\)' is expected"),
        ("period < 1 ; drop", "cannot be read from '; drop'"),
        ("__import__('os').system('x')", "no"),
        ("label in ('EW', 3)", "mixes"),
        ("label < 3", "does not fit its columns"),
        ("label is 3", "'null'"),
        ("1 < 2", "names no column"),
        ("(" * 5000, "nested too deeply"),
        ("", "its end"),
        ("period + 1", "no condition"),
        ("label", "no condition"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(dataset, text, message):
    with pytest.raises(DataError, match=message):
        fulfilled(dataset, text)
