"""Long tables of spectra that are several of one object."""

import numpy as np
import pytest
from astropy.table import Table

from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import ConfigError
from skybind.ingest.survey import import_dataset

WAVE = np.arange(4000.0, 4100, 2)
MAPPING = (
    "objects: {{file: o.csv, id: id}}\n"
    "spectrum: {{file: s.{ending}, id: id, "
    "wavelength: {{column: w, unit: Angstrom}}, flux: f{more}}}\n"
)


def imported(folder, visits, more="", ending="csv"):
    """Import objects a and b; of a there are three spectra, of b one."""
    levels = {("a", 0): 9, ("a", 1): 5, ("a", 2): 1, ("b", 1): 3}
    rows = [(name, visits[k], x + 0.5 * (k == 2), level + 0.01 * i)
            for (name, k), level in levels.items() for i, x in enumerate(WAVE)]  # fmt: skip
    table = Table(rows=rows, names=["id", "night", "w", "f"])
    table.write(folder / f"s.{ending}", overwrite=True)
    (folder / "o.csv").write_text("id\na\nb\n")
    (folder / "m.yaml").write_text(MAPPING.format(ending=ending, more=more))
    import_dataset(folder / "m.yaml", folder / "out")
    reasons = {row["object_id"]: row["reason"] for row in read_quarantine(folder / "out")}
    return Dataset.open(folder / "out").ragged("spectrum"), reasons


def test_several_spectra_of_an_object_are_refused_without_a_column_of_visits(tmp_path):
    spectra, reasons = imported(tmp_path, (57003, 57001, 57002))
    assert spectra.present.tolist() == [False, True]
    assert list(reasons) == ["a"]
    assert "(visit)" in reasons["a"]


@pytest.mark.parametrize("ending", ["csv", "fits", "ecsv"])
@pytest.mark.parametrize("visits", [(110, 9, 100), ("n3", "n1", "n2")])
def test_the_first_visit_is_taken(tmp_path, visits, ending):
    spectra, reasons = imported(tmp_path, visits, ", visit: night", ending)
    assert spectra.lengths.tolist() == [50, 50]
    np.testing.assert_allclose(spectra.fields["flux"][:3], [5, 5.01, 5.02], rtol=1e-6)
    assert reasons == {"a": "of its 3 spectra the first by 'night' is taken"}


def test_a_visit_belongs_to_a_long_table(tmp_path):
    mapping = (
        "objects: {file: o.csv, id: id}\n"
        "spectrum: {folder: s, pattern: '{id}.csv', wavelength: w, flux: f, visit: night}\n"
    )
    (tmp_path / "m.yaml").write_text(mapping)
    with pytest.raises(ConfigError, match="'visit' is a column of a long table"):
        import_dataset(tmp_path / "m.yaml", tmp_path / "out")
