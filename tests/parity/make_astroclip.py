"""Makes the golden files of AstroCLIP's networks with the public codes, in folders of their own.

    git clone https://github.com/georgestein/ssl-legacysurvey   # commit 06b250b
    git clone https://github.com/PolymathicAI/AstroCLIP         # commit 9d85069
    git clone https://github.com/facebookresearch/dinov2        # commit b8931f7
    python tests/parity/make_astroclip.py ssl-legacysurvey AstroCLIP dinov2 tests/parity/astroclip

It runs the codes' own stretch, networks and heads, small and of random weights, on made-up images
and spectra, and writes the weights (as in the published files, by name), what went in and what
came out. Nothing of the codes is kept.
"""

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

SPECFORMER = {
    "input_dim": 22, "embed_dim": 12, "num_layers": 2, "num_heads": 3, "max_len": 40,
    "dropout": 0.0,
}  # fmt: skip
#: Width and heads of the embeddings; the images' tokens are as wide as these, the spectra's not.
HEAD = {"embed_dim": 16, "n_head": 4, "dropout": 0.1}
VIT = {
    "img_size": 24, "patch_size": 6, "embed_dim": 16, "depth": 4, "num_heads": 2,
    "init_values": 1e-5, "block_chunks": 2,
}  # fmt: skip
PIXELS = (123, 200)


def module(name: str, path: Path) -> Any:
    """Import one file of a code under a name."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


def nothing(name: str, **content: Any) -> None:
    """Stand in for a module that a code imports and does not use here."""
    made = types.ModuleType(name)
    vars(made).update(content, __path__=[])
    sys.modules[name] = made


def stretched(stein: Path) -> dict[str, torch.Tensor]:
    """Images, (n, rows, columns, bands g r z), and what Stein et al.'s network gets of them."""
    for name in ("skimage", "skimage.transform", "skimage.filters"):
        nothing(name)
    sys.modules["skimage"].transform = sys.modules["skimage.transform"]  # type: ignore
    sys.modules["skimage"].filters = sys.modules["skimage.filters"]  # type: ignore
    file = stein / "ssl_legacysurvey/data_loaders/decals_augmentations.py"
    to_rgb = module("decals_augmentations", file).ToRGB()
    rng = np.random.default_rng(1)
    spot = np.exp(-((np.arange(12) - 5.5)[:, None] ** 2 + (np.arange(12) - 5.5) ** 2) / 8)
    bright = np.asarray([0.05, 1.0, 20.0])[:, None, None, None]
    colours = np.asarray([0.4, 0.8, 1.3])
    flux = (bright * spot[None, :, :, None] * colours).astype(np.float32)
    flux = flux + rng.normal(0, 0.02, flux.shape).astype(np.float32)
    flux[0, 0, 0] = -0.03 / np.asarray([6.0, 3.4, 2.2])  # a mean flux of zero
    made = np.stack([to_rgb(image.copy()) for image in flux])
    return {"stein.flux": torch.tensor(flux), "stein.image": torch.tensor(made)}


def networks(polymathic: Path, dino: Path) -> dict[str, torch.Tensor]:
    """SpecFormer, and the two encoders of AstroCLIP with their attention heads."""
    nothing("astroclip")
    nothing("astroclip.models")
    module("astroclip.modules", polymathic / "astroclip/modules.py")
    specformer = module(
        "astroclip.models.specformer", polymathic / "astroclip/models/specformer.py"
    )
    sys.path.insert(0, str(dino))
    from dinov2.models.vision_transformer import DinoVisionTransformer

    torch.manual_seed(11)
    vit = DinoVisionTransformer(**VIT)
    with torch.no_grad():  # as trained: scales that let the blocks count
        for name, value in vit.named_parameters():
            if "gamma" in name or "norm" in name or "cls" in name:
                value.add_(0.3 * torch.randn_like(value))
    nothing("dinov2.eval")
    nothing("dinov2.eval.setup", setup_and_build_model=lambda _: (vit, None))
    clip = module("astroclip.models.astroclip", polymathic / "astroclip/models/astroclip.py")
    spectra = specformer.SpecFormer(**SPECFORMER)
    checkpoint = {"hyper_parameters": SPECFORMER, "state_dict": spectra.state_dict()}
    clip.torch = types.SimpleNamespace(  # its head reads the checkpoint from a file
        **{k: v for k, v in vars(torch).items() if k != "load"}, load=lambda _: checkpoint
    )
    spectrum_head = clip.SpectrumHead("", model_embed_dim=12, **HEAD)
    image_head = clip.ImageHead("", "", "", model_embed_dim=16, **HEAD)
    model = clip.AstroClipModel(image_head, spectrum_head).eval()
    made = {f"model.{name}": value for name, value in model.state_dict().items()}
    with torch.no_grad():
        images = torch.rand(3, 3, 24, 24)
        tokens = vit.patch_embed(images)
        for block in vit.blocks:
            tokens = block(tokens)
        made |= {"image.input": images, "image.tokens": vit.norm(tokens)}
        made["image.classes"] = vit.eval()(images)
        made["image.embedding"] = model(images, "image")
        for pixels in PIXELS:
            flux = 3 * torch.rand(4, pixels, 1) ** 2
            flux[1] *= 0.01  # its deviation is below 0.2
            key = f"spectrum.{pixels}"
            made |= {f"{key}.input": flux, f"{key}.tokens": spectra.eval()(flux)["embedding"]}
            made[f"{key}.embedding"] = model(flux, "spectrum")
    return made


def main(stein: Path, polymathic: Path, dino: Path, out: Path) -> None:
    """Write the files."""
    out.mkdir(parents=True, exist_ok=True)
    made = stretched(stein) | networks(polymathic, dino)
    tensors = {k: v.detach().contiguous().clone() for k, v in made.items()}
    save_file(tensors, out / "outputs.safetensors")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:5]))
