import pytest

from skybind.data.quantities import quantity_of
from skybind.data.schema import Column


@pytest.mark.parametrize(
    ("name", "unit", "quantity"),
    [
        ("redshift", None, "redshift"),
        ("z", None, "redshift"),
        ("z_spec", "", "redshift"),
        ("Z_HP", None, "redshift"),
        ("z", "mag", "magnitude"),
        ("zoo", None, None),
        ("phot_g_mean_mag", "mag", "magnitude"),
        ("mean_vmag", "mag", "magnitude"),
        ("fibre_mag_r", "mag", "magnitude"),
        ("e_phot_g_mean_mag", "mag", "uncertainty"),
        ("parallax_error", "mas", "uncertainty"),
        ("bp_rp", "mag", "colour"),
        ("w1_w2", "mag", "colour"),
        ("b-v", "mag", "colour"),
        ("mag_r", "mag", "magnitude"),
        ("bp_rp", "deg", None),
        ("period", "d", None),
    ],
)
def test_names_of_catalogues_are_known(name, unit, quantity):
    assert quantity_of(name, Column("feature", unit)) == quantity


def test_what_the_schema_says_counts_first():
    said = Column("target", "mag", attributes={"quantity": "redshift"})
    assert quantity_of("bp_rp", said) == "redshift"
    odd = Column("feature", "mag", "B minus V", attributes={"quantity": "period"})
    assert quantity_of("g_mag", odd) == "magnitude"
