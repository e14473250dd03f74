"""How a configuration prepares and encodes what a dataset has, and why."""

from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Any

from skybind.modalities.transient import FIRST, MAXIMUM
from skybind.runs.curve_facts import CYCLES, EARLY, LightCurveFacts
from skybind.runs.survey_facts import CatalogueFacts, ImageFacts, SpectrumFacts
from skybind.words import join

#: Objects from which encoders are of the middle size, and from which they are large.
FEW, MANY = 1000, 20_000
_DROPOUT = {"few": 0.3, "some": 0.1, "many": 0.1}
_ENCODERS: dict[str, dict[str, dict[str, Any]]] = {
    "folded": {
        "few": {"bins": 32, "width": 16, "blocks": 2, "hidden": 48},
        "some": {"bins": 64, "width": 32, "blocks": 2, "hidden": 96},
        "many": {"bins": 64, "width": 48, "blocks": 3, "hidden": 128},
    },
    "informer": {
        "few": {"d_model": 32, "n_heads": 2, "d_ff": 64, "layers": 2, "pooling": "mean-max"},
        "some": {"d_model": 64, "n_heads": 4, "d_ff": 128, "layers": 2, "pooling": "mean-max"},
        "many": {"d_model": 128, "n_heads": 4, "d_ff": 256, "layers": 4, "pooling": "mean-max"},
    },
    "galspecnet": {
        "few": {"channels": [8, 12, 16, 24]},
        "some": {"channels": [12, 16, 24, 32]},
        "many": {"channels": [32, 48, 48, 32]},
    },
    "resnet": {"few": {"stem": 8}, "some": {"stem": 16}, "many": {"stem": 32}},
    "mlp": {"few": {"hidden": 64}, "some": {"hidden": 128}, "many": {"hidden": 256}},
}
#: Share of light curves that begin too early for a transient, above which times count from the
#: maximum.
MANY_EARLY = 0.1
REDSHIFT = "redshift"
#: Epochs of a batch, at least and at most.
LENGTHS = (20, 200)
#: Bins of a spectrum, at most; the steps that are chosen among, times a power of ten.
BINS, ROUND = 1600, (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
#: Layers of galspecnet with kernels of 5 and pooling by 4, by the bins that they need.
_LAYERS = {404: 4, 100: 3, 24: 2, 5: 1}
#: Pixels a side of an image, at most.
SIDE = 64


@dataclass(frozen=True)
class Section:
    """One modality of a configuration: its keys, and sentences that give their reasons."""

    reasons: list[str]
    keys: dict[str, Any]


def size_of(objects: int) -> str:
    """Say how large encoders may be: `few`, `some` or `many` objects to train them on."""
    return "few" if objects < FEW else "some" if objects < MANY else "many"


def modality_section(found: Any, name: str, alone: bool) -> Section:
    """Choose preprocessing and encoder of a modality.

    Parameters
    ----------
    found : LightCurveFacts, SpectrumFacts, ImageFacts or CatalogueFacts
    name : str
        Of the modality.
    alone : bool
        Whether it is the only one, and so bound with itself.
    """
    if isinstance(found, LightCurveFacts):
        kind, section = "photometry", _light_curves(found)
    elif isinstance(found, SpectrumFacts):
        kind, section = "spectrum", _spectra(found)
    elif isinstance(found, ImageFacts):
        kind, section = "image", _images(found)
    else:
        kind, section = "metadata", _catalogue(found, alone)
    where = {"kind": kind} if name != kind else {}
    where |= {"column": found.name} if name != found.name else {}
    return Section(section.reasons, where | section.keys)


def _encoder(name: str, objects: int, **options: Any) -> dict[str, Any]:
    size = size_of(objects)
    dropout = {} if name == "resnet" else {"dropout": _DROPOUT[size]}
    return {"name": name, **_ENCODERS[name][size], **options, **dropout}


def _light_curves(found: LightCurveFacts) -> Section:
    reasons = [
        f"{found.objects:,} light curves in {'magnitudes' if found.magnitudes else 'fluxes'}, of "
        f"{found.epochs:,} epochs in the median; nine tenths have at most {found.long:,}."
    ]
    length = min(max(10 * ceil(found.long / 10), LENGTHS[0]), LENGTHS[1])
    if found.long > LENGTHS[1]:
        reasons.append(f"Of longer ones, {length} epochs over the whole curve are taken.")
    reasons += [_band_words(found), _period_words(found)]
    if found.features:
        reasons.append(f"Features of the catalogue beside the curve: {_some(found.features)}.")
    options: dict[str, Any] = {"length": length, "crop": "sample"}
    if found.used:
        options["bands"] = found.used
    options |= {"phase": True} if found.folds else {"phase": False, "periods": "none"}
    if not found.folds and found.magnitudes:
        options["space"] = "magnitude"
    if found.transient:
        reasons.append(_transient_words(found))
        options |= {"normalise": "peak", "time_zero": _time_zero(found)}
        options |= _redshift_as_logarithm(found.features)
    options |= {"standardise_constants": True, "drop": 0.2}
    encoder = _encoder("folded" if found.folds else "informer", found.objects)
    return Section(reasons, {"preprocessing": options, "encoder": encoder})


def _time_zero(found: LightCurveFacts) -> str:
    return MAXIMUM if found.early > MANY_EARLY else FIRST


def _redshift_as_logarithm(features: list[str]) -> dict[str, Any]:
    """Like the maximum, which is in magnitudes: their sum is a luminosity."""
    return {"transforms": {REDSHIFT: "log"}} if REDSHIFT in features else {}


def _transient_words(found: LightCurveFacts) -> str:
    text = (
        f"Taken for transients (as 'transients-small' does): they last {found.span:,.0f} d in the "
        f"median, the survey {found.survey:,.0f} d, and they fade by {found.fading:.1f} mag. "
        "Brightness is measured from the maximum, the same in all bands, so that colours stay, and "
        "times count from the "
    )
    if _time_zero(found) == FIRST:
        text += "first detection."
    else:
        text += (
            f"maximum: {found.early:.0%} of them were detected more than {EARLY:.0f} d before it, "
            "too early for a transient."
        )
    return text + " Without 'normalise' and 'time_zero' they are taken as of variable stars."


def _band_words(found: LightCurveFacts) -> str:
    named = {band: numbers for band, numbers in found.bands.items() if band}
    unnamed = found.bands.get("", (0, 0))[0]
    if not named:
        return "They name no bands: all epochs of a curve are taken as of one band."
    if not found.used:
        return f"All epochs are in band {next(iter(named))}."

    def told(bands: list[str]) -> str:
        first = [f"{b} ({named[b][1]:,} curves, {named[b][0]:,} epochs)" for b in bands[:12]]
        return join(first + ([f"{len(bands) - 12} more"] if len(bands) > 12 else []))

    looked = "" if found.sampled == found.objects else f" of a sample of {found.sampled:,} curves"
    marked = (
        "Their epochs are marked, and the maximum of each stands beside the curve"
        if found.transient
        else "Each is normalised by itself, its epochs are marked, and its colour and amplitude "
        "stand beside the curve"
    )
    text = f"Bands{looked}: {told(found.used)}. {marked}; they share one axis of time."
    rare = [band for band in named if band not in found.used]
    if rare:
        text += f" Too rare, their epochs are left out: {told(rare)}."
    if unnamed:
        text += f" {unnamed:,} epochs that name no band are left out."
    if found.outside:
        text += f" {found.outside:,} curves have fewer than two epochs left and are set aside."
    return text


def _period_words(found: LightCurveFacts) -> str:
    share = f"{found.periodic:.0%}"
    folds = found.folds
    if found.source == "catalogue":
        said = f"The catalogue has a period for {share} of them"
        if not folds:
            return f"{said}: they are not folded."
        return (
            f"{said}: they are folded by it. With 'periods: computed' features of the light curves "
            "stand beside them, at periods that are found in them."
        )
    if found.source == "computed":
        said = f"Columns of the dataset hold a significant period for {share} of them"
        return f"{said}: they are folded by it." if folds else f"{said}: they are not folded."
    said = (
        f"The catalogue has no period. A search in {found.tried} of them found significant ones "
        f"that repeat {CYCLES} times or more in {share}"
    )
    if folds:
        return f"{said}: a run computes periods and features of all first, and folds by them."
    return f"{said}: they are not folded."


def _spectra(found: SpectrumFacts) -> Section:
    native, width = found.step, found.last - found.first
    step = _round_up(max(native, width / BINS))
    if width / step < min(_LAYERS):
        step = width / (2 * min(_LAYERS))
    low, high = floor(found.first), ceil(found.last)
    bins = ceil((high - low) / step)
    coarse = step > 1.5 * native
    reasons = [
        f"{found.objects:,} spectra. Half of them, at least, begin below {found.common[0]:.0f} and "
        f"end above {found.common[1]:.0f} Angstrom; pixels are {native:.3g} Angstrom apart in the "
        f"median. The grid holds three quarters of the beginnings and ends, in {bins:,} bins"
        + (", each the mean of its pixels." if coarse else ".")
    ]
    options: dict[str, Any] = {
        "wavelength_min": float(low), "wavelength_max": float(high), "wavelength_step": step,
        "resample": "conserving" if coarse else "linear",
    }  # fmt: skip
    channels = ["flux", *(["uncertainty"] if found.errors else [])]
    if found.calibrated:
        channels.append("scale")
    else:
        reasons.append("Fluxes have no unit, so how bright a spectrum is tells nothing.")
    if not found.errors:
        reasons.append("Fluxes have no uncertainties.")
    options["channels"] = channels
    options |= {"noise": 0.5} if found.errors else {}
    options |= {"hide": 0.2, "hide_length": max(bins // 30, 1)}
    layers = next(n for least, n in _LAYERS.items() if bins >= least)
    encoder = _encoder("galspecnet", found.objects, kernel_size=5, pool_size=4)
    encoder["channels"] = encoder["channels"][:layers]
    return Section(reasons, {"preprocessing": options, "encoder": encoder})


def _round_up(step: float) -> float:
    power = 10.0 ** floor(log10(step))
    return float(f"{next(r * power for r in ROUND if r * power >= step * (1 - 1e-6)):.6g}")


def _images(found: ImageFacts) -> Section:
    small, large = found.sides
    binning = max(small // (2 * SIDE), 1)
    crop = min(SIDE, small // binning)
    scale = "" if found.pixel_scale is None else f" of {found.pixel_scale:.3g} arcsec"
    size = f"{small}" if small == large else f"{small} to {large}"
    reasons = [
        f"{found.objects:,} images of {size} pixels a side{scale}, in {_some(found.bands)}."
        + (f" Squares of {binning} pixels a side are added up." if binning > 1 else "")
        + f" The central {crop} x {crop}{' of these' if binning > 1 else ''} are used."
    ]
    options: dict[str, Any] = {"crop": crop} | ({"binning": binning} if binning > 1 else {})
    if found.display:
        reasons.append("They are pictures, stretched already: no stretch, and no noise is added.")
    options |= {"stretch": "none" if found.display else "asinh", "standardise": True}
    options |= {"rotation": 180, "shift": 2} | ({} if found.display else {"noise": 0.3})
    encoder = _encoder("resnet", found.objects, pooling="both")
    return Section(reasons, {"preprocessing": options, "encoder": encoder})


def _catalogue(found: CatalogueFacts, alone: bool) -> Section:
    n = len(found.features)
    reasons = [
        f"{found.objects:,} rows of {n} feature{'s' if n > 1 else ''}: {_some(found.features)}."
    ]
    options: dict[str, Any] = {"clip": 8}
    if found.gaps > 0.01:
        reasons.append(
            f"Up to {found.gaps:.0%} lack a feature: the mean stands for it, and a flag says so."
        )
        options["missing_flags"] = True
    if found.wide:
        reasons.append("Positive and of wide range, taken as logarithms.")
        options["transforms"] = dict.fromkeys(found.wide, "log")
    if alone:
        reasons.append("In training some features are hidden, so that two views differ.")
        options["drop"] = 0.2
    encoder = _encoder("mlp", found.objects, layers=2)
    return Section(reasons, {"preprocessing": options, "encoder": encoder})


def _some(names: list[str]) -> str:
    return join(names if len(names) <= 10 else [*names[:9], f"{len(names) - 9} more"])
