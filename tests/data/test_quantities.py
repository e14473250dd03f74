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


KINDS = {
    "magnitude": (
        "G gmag Vmag g_mag mag_g w1mpro psfMag_r MAG_AUTO MEAN_VMAG mag_ab g_ab ab_mag j_m k_s m_g"
        " zg zr zi zg_mag mag_zr VR_mag mag_vr b_j_mag bj_mag"
        " m_v bj uv_mag phot_rp_mean_mag v_0 Ks bt mean_mag z y cmodel_mag_i"
    ),
    "absolute magnitude": (
        "M_G M_V MG MV Mv M_r Mr M_Ks M_bol Mbol M_UV MUV M_1450 M_G0 M_V_corr absmag abs_mag"
        " absmag_g rabsmag Mabs absolute_magnitude mg_gspphot M_peak"
    ),
    "colour": (
        "bp_rp BP-RP bprp phot_bp_rp BpRp g_r g-r B-V B_V BV bmv BmV (B-V)0 b_v_0 bp_rp0 g_min_r"
        " color colour color_gr mean_bp_rp w1_w2 w1w2 W1-W2 nuv_r fuv_nuv j_ks J-K jk bt_vt"
        " rest_color"
    ),
    "uncertainty": (
        "e_Vmag e_B-V err_g sigma_g g_err gmag_err g_mag_error mag_err_r psfMagErr_r magerr"
        " bp_rp_err E(B-V)_err M_G_err A_V_err w1sigmpro j_msigcom Vmag_unc"
    ),
    None: (
        "A_V AV av a_g ag_gspphot A_Ks A(V) A_0 azero_gspphot abp_gspphot extinction ext_r ebv EBV"
        " E(B-V) E_B_V E_BV ebv_sfd E(BP-RP) ebpminrp_gspphot reddening distmod dist_mod mu MU"
        " modulus dm15 amp amplitude amp_g peak_to_peak_range rms_mag mag_std vmag_std mag_scatter"
        " delta_mag mag_diff residual maglim lim_mag depth zero_point_zp offset k_corr bc"
    ),
}


@pytest.mark.parametrize(
    ("name", "quantity"),
    [(name, quantity) for quantity, names in KINDS.items() for name in names.split()],
)
def test_what_has_the_unit_of_a_magnitude_is_told_apart_by_its_name(name, quantity):
    assert quantity_of(name, Column("feature", "mag")) == quantity
    assert quantity_of(name, Column("feature", "mag(AB)")) == quantity


def test_what_the_schema_says_counts_first():
    said = Column("target", "mag", attributes={"quantity": "redshift"})
    assert quantity_of("bp_rp", said) == "redshift"
    odd = Column("feature", "mag", "B minus V", attributes={"quantity": "period"})
    assert quantity_of("g_mag", odd) == "magnitude"
