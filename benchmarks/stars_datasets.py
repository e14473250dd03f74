"""Skybind datasets of the shared sets of real stars.

    python benchmarks/stars_datasets.py --data ../shared/data/stars --cache CACHE --out DIR

writes DIR/asas, DIR/debosscher and DIR/binding. Periods and features are computed once, in CACHE.
"""

import argparse
from pathlib import Path

import numpy as np

from skybind.data.schema import Column
from skybind.data.splits import Split
from skybind.data.write import DatasetWriter
from skybind.lightcurves.features import FEATURES
from skybind.lightcurves.series import group_median
from skybind.ragged import Ragged
from stars_baselines import CLASSES, LEAST_EPOCHS, load_features, subset
from stars_data import Stars, read_asas, read_debosscher, read_miles, read_stelib, read_trimodal

# Derived constants of the light curve that the photometry channel reads, as in the paper.
PHOTOMETRY_FEATURES = ("period", "amplitude", "lksl_statistic")
ANGLES = ("phi21", "phi31", "phi42_orbital")
# Wide distributions of both signs, and those above zero: a network sees their logarithms.
SIGNED = ("skewness", "kurtosis", "stetson_j", "slope")
LOGARITHMIC = (
    "period", "ls_period", "period_ratio", "harmonics", "lksl_statistic", "lksl_double", "n_obs",
    "time_span", "median_error", "amplitude", "std", "mad", "reduced_chi2", "eta", "eta_day",
    "tail_faint", "tail_bright", "fourier_amplitude", "r21", "r31", "r41", "residual_chi2",
    "orbital_period", "orbital_amplitude", "r42_orbital", "r62_orbital",
)  # fmt: skip
SMALLEST = 1e-4  # under a logarithm
VALIDATION = 0.1  # of the training stars

PHOTOMETRY = {"time": "d", "magnitude": "mag", "magnitude_err": "mag"}
SPECTRUM = {"wavelength": "Angstrom", "flux": None, "mask": None}

HIPPARCOS_COLUMNS = {
    "parallax": Column("feature", "mas", "Trigonometric parallax, Hipparcos-2", "metadata"),
    "log_pm": Column("feature", None, "log10 of the total proper motion [mas/yr]", "metadata"),
    "hp_magnitude": Column("feature", "mag", "Median magnitude in Hp", "metadata"),
    "b_v": Column("feature", "mag", "Colour B - V", "metadata"),
    "v_i": Column("feature", "mag", "Colour V - I", "metadata"),
    "gal_b": Column("feature", "deg", "Galactic latitude", "metadata"),
    "absolute_hp": Column(
        "feature", "mag", "Hp + 5 log10(parallax) - 10, the parallax at least its error", "metadata"
    ),
    "reduced_pm": Column(
        "feature", "mag", "Hp + 5 log10(proper motion [arcsec/yr]) + 5", "metadata"
    ),
}


def metadata_features(
    features: dict[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, Column]]:
    """Light-curve features as a network likes them: logarithms, sines and cosines of angles."""
    values: dict[str, np.ndarray] = {}
    columns: dict[str, Column] = {}

    def add(name: str, value: np.ndarray, unit: str | None, text: str) -> None:
        values[name] = value.astype(np.float32)
        columns[name] = Column("feature", unit, text, "metadata")

    for name, (unit, text) in FEATURES.items():
        value = features[name]
        if name in ANGLES:
            add(f"cos_{name}", np.cos(value), None, f"Cosine of: {text}")
            add(f"sin_{name}", np.sin(value), None, f"Sine of: {text}")
        elif name in SIGNED:
            add(f"asinh_{name}", np.arcsinh(value), None, f"arcsinh of: {text}")
        elif name in LOGARITHMIC:
            logarithm = np.log10(np.maximum(value, SMALLEST))
            add(f"log_{name}", logarithm, None, f"log10 of: {text}")
        else:
            add(f"lc_{name}", value, unit, text)
    return values, columns


def light_curve_dataset(stars: Stars, features: dict[str, np.ndarray], out: Path) -> Path:
    """Write light curves with their hand-made features: all of them as metadata, and period,
    amplitude and string length as constants of the photometry channel too.

    `benchmark_label` is the class of the benchmark's stars (eight classes, at least 50 epochs)
    and empty for all others; `n_obs`, `hip` and `class_name` are for information.
    """
    values, columns = metadata_features(features)
    observed = {"photometry": Column("observation", None, "V or Hp or I light curve",
                                     "photometry", PHOTOMETRY)}  # fmt: skip
    columns = observed | _photometry_columns() | columns
    columns |= {
        "fold_period": Column("feature", "d", "Half the orbital period: the curve folded at twice "
                              "it shows one orbit", "photometry"),
        "label": Column("label", None, "Class of variable star"),
        "class_name": Column("info", None, "Class in words, as in the source"),
        "n_obs": Column("info", None, "Number of epochs"),
        "hip": Column("info", None, "Hipparcos number, 0 if none"),
        "benchmark_label": Column("label", None, "Class of the stars of the benchmark"),
    }  # fmt: skip
    chosen = np.isin(stars.columns["label"], CLASSES) & (stars.columns["n_obs"] >= LEAST_EPOCHS)
    labelled = np.where(chosen, stars.columns["label"], "")
    names = ("object_id", "ra", "dec", "label", "class_name", "n_obs", "hip")
    values |= {name: stars.columns[name] for name in names}
    values |= {name: features[name].astype(np.float32) for name in PHOTOMETRY_FEATURES}
    values |= {"photometry": single(stars.photometry), "benchmark_label": labelled}
    values["fold_period"] = features["orbital_period"] / 2
    provenance = "dotAstro light curves of ASAS-3, Hipparcos and OGLE variables; Hipparcos-2"
    with DatasetWriter(out, columns, provenance=provenance, overwrite=True) as writer:
        writer.append(values)
    return out


def fold_split(
    ids: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    number: int,
) -> Split:
    """Give the split of one fold; every star outside the benchmark trains, without a label.

    The validation stars are a tenth of the fold's training stars. The subset `10` holds the
    same tenth of all training labels that the classical methods get; those of them that
    validate are not trained on. The twin of a test or validation star, by `groups`, is not
    trained on either.
    """
    part = np.full(len(ids), "train", dtype="<U10")
    for name, rows in (
        ("validation", subset(labels, train, VALIDATION, seed=100 + number)),
        ("test", test),
    ):
        part[np.isin(groups, groups[rows])] = ""
        part[rows] = name
    few = np.zeros(len(ids), bool)
    few[subset(labels, train, 0.1, seed=number)] = True
    few[test] = True
    return Split(ids, part, {"10": few}, {"kind": "fold", "number": number})


def binding_dataset(root: Path, cache: Path, out: Path) -> Path:
    """Write stars of which two modalities are known for training, and three for testing.

    The column `sample` is `photometry` (light curve and Hipparcos metadata), `spectrum`
    (spectrum and Hipparcos metadata) or `test` (all three). No star of `test`, by its
    Hipparcos number, is in the other two. Spectra are divided by their medians; a star may
    have a row from each survey that observed it (same `hip`).
    """
    trimodal = read_trimodal(root / "trimodal")
    held_out = trimodal.columns["hip"]
    parts: list[dict[str, np.ndarray | Ragged | None]] = []
    features_of: dict[str, dict[str, float]] = {}
    for name, read in (("asas", read_asas), ("debosscher", read_debosscher)):
        stars = read(root / "asas_hipparcos")
        features = load_features(stars, cache, name)
        ids = stars.columns["object_id"]
        for row in np.flatnonzero(np.isin(ids, trimodal.columns["object_id"])):
            features_of[ids[row]] = {key: features[key][row] for key in PHOTOMETRY_FEATURES}
        chosen = _with_hipparcos(stars, held_out)
        constants = {key: features[key][chosen] for key in PHOTOMETRY_FEATURES}
        parts.append(_binding_part(stars.take(chosen), "photometry", name, constants))
    for name, read_spectra in (("miles", read_miles), ("stelib", read_stelib)):
        stars = read_spectra(root / "miles_stelib")
        stars = stars.take(_with_hipparcos(stars, held_out))
        parts.append(_binding_part(stars, "spectrum", name, {}))
    tested = [features_of[name] for name in trimodal.columns["object_id"]]
    constants = {key: np.array([row[key] for row in tested]) for key in PHOTOMETRY_FEATURES}
    parts.append(_binding_part(trimodal, "test", "trimodal", constants))
    columns = {
        "photometry": Column("observation", None, "V or Hp light curve", "photometry", PHOTOMETRY),
        "spectrum": Column("observation", None, "Spectrum (air) over its median",
                           "spectrum", SPECTRUM),
        **_photometry_columns(),
        **HIPPARCOS_COLUMNS,
        "label": Column("label", None, "Class of variable star; empty for library stars"),
        "sample": Column("info", None, "photometry, spectrum or test"),
        "source": Column("info", None, "Set of stars"),
        "hip": Column("info", None, "Hipparcos number"),
    }  # fmt: skip
    provenance = (
        "ASAS-3 and Hipparcos light curves, MILES, STELIB and McDonald spectra, Hipparcos-2"
    )
    with DatasetWriter(out, columns, provenance=provenance, overwrite=True) as writer:
        for part in parts:
            writer.append(part)
    return out


def hipparcos_features(stars: Stars) -> dict[str, np.ndarray]:
    """Values of `HIPPARCOS_COLUMNS`, NaN where Hipparcos does not know the star."""
    from astropy.coordinates import SkyCoord

    own = stars.columns
    motion = np.maximum(np.hypot(own["pm_ra"], own["pm_dec"]), 0.1)
    error = np.nan_to_num(own["parallax_err"], nan=1.0)
    near = np.maximum(own["parallax"], np.maximum(error, 0.1))
    known = np.isfinite(own["ra"])
    latitude = np.full(len(stars), np.nan)
    place = SkyCoord(own["ra"][known], own["dec"][known], unit="deg")
    latitude[known] = place.galactic.b.deg
    return {
        "parallax": own["parallax"],
        "log_pm": np.log10(motion),
        "hp_magnitude": own["hp_magnitude"],
        "b_v": own["b_v"],
        "v_i": own["v_i"],
        "gal_b": latitude,
        "absolute_hp": own["hp_magnitude"] + 5 * np.log10(near) - 10,
        "reduced_pm": own["hp_magnitude"] + 5 * np.log10(motion / 1000) + 5,
    }


def _photometry_columns() -> dict[str, Column]:
    return {
        name: Column("feature", FEATURES[name][0], FEATURES[name][1], "photometry")
        for name in PHOTOMETRY_FEATURES
    }


def _with_hipparcos(stars: Stars, held_out: np.ndarray) -> np.ndarray:
    hip = stars.columns["hip"]
    return np.flatnonzero((hip > 0) & ~np.isin(hip, held_out))


def _binding_part(
    stars: Stars, sample: str, source: str, constants: dict[str, np.ndarray]
) -> dict[str, np.ndarray | Ragged | None]:
    number = len(stars)
    nothing = np.zeros(number + 1, np.int64), np.zeros(number, bool)
    empty = {
        "photometry": Ragged(_fields(PHOTOMETRY), *nothing),
        "spectrum": Ragged(_fields(SPECTRUM), *nothing),
    }
    photometry, spectrum = stars.photometry, stars.spectrum
    if spectrum is not None:
        spectrum = _over_median(spectrum)
    labels = stars.columns.get("label", np.full(number, ""))
    return {
        "object_id": stars.columns["object_id"],
        "ra": stars.columns["ra"],
        "dec": stars.columns["dec"],
        "photometry": empty["photometry"] if photometry is None else single(photometry),
        "spectrum": empty["spectrum"] if spectrum is None else spectrum,
        **{
            name: constants.get(name, np.full(number, np.nan)).astype(np.float32)
            for name in PHOTOMETRY_FEATURES
        },
        **{name: values.astype(np.float32) for name, values in hipparcos_features(stars).items()},
        "label": labels,
        "sample": np.full(number, sample),
        "source": np.full(number, source),
        "hip": stars.columns["hip"],
    }


def _fields(units: dict[str, str | None]) -> dict[str, np.ndarray]:
    kinds = {"time": np.float64, "mask": np.bool_}
    return {name: np.zeros(0, kinds.get(name, np.float32)) for name in units}


def single(photometry: Ragged) -> Ragged:
    """Light curves with all but the time in single precision, as datasets hold them."""
    fields = {
        name: values if name == "time" else values.astype(np.float32)
        for name, values in photometry.fields.items()
    }
    return Ragged(fields, photometry.offsets, photometry.present)


def _over_median(spectrum: Ragged) -> Ragged:
    """Spectra divided by the median of their good pixels."""
    good = ~spectrum.fields["mask"]
    flux = spectrum.fields["flux"].astype(float)
    owner = spectrum.owner
    middle = group_median(flux[good], owner[good], len(spectrum))
    flux /= np.where(middle > 0, middle, 1.0)[owner]
    fields = spectrum.fields | {"flux": flux.astype(np.float32)}
    return Ragged(fields, spectrum.offsets, spectrum.present)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared stars")
    parser.add_argument("--cache", type=Path, required=True, help="folder for periods")
    parser.add_argument("--out", type=Path, required=True, help="folder of the datasets")
    arguments = parser.parse_args()
    for name, read in (("asas", read_asas), ("debosscher", read_debosscher)):
        stars = read(arguments.data / "asas_hipparcos")
        features = load_features(stars, arguments.cache, name)
        print(light_curve_dataset(stars, features, arguments.out / name))
    print(binding_dataset(arguments.data, arguments.cache, arguments.out / "binding"))


if __name__ == "__main__":
    main()
