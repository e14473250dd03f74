import pytest

from skybind.config import config_names, dump_config
from skybind.config.backbone import backbone_names, choose_backbone_config, load_backbone_config
from skybind.errors import ConfigError


@pytest.mark.parametrize("name", backbone_names())
def test_shipped_backbones_survive_a_round_trip(name, tmp_path):
    config = load_backbone_config(name)
    (tmp_path / "same.yaml").write_text(dump_config(config))
    assert load_backbone_config(tmp_path / "same.yaml") == config
    assert config.description
    assert config.name == name


def test_backbones_are_no_runs():
    assert set(backbone_names()) == {
        "moco-resnet50",
        "moco-small",
        "spender-autoencoder",
        "spender-small",
    }
    assert not set(backbone_names()) & set(config_names())


def test_the_published_momentum_contrast():
    moco = load_backbone_config("moco-resnet50").moco
    assert (moco.queue, moco.momentum, moco.dimension) == (65536, 0.999, 128)
    assert moco.key_statistics == "batch"


def test_the_small_one_is_the_default_of_its_modality():
    assert choose_backbone_config("image").name == "moco-small"
    assert choose_backbone_config("spectrum", None, ["seed=7"]).seed == 7
    with pytest.raises(ConfigError, match="no default backbone for 'photometry'"):
        choose_backbone_config("photometry")
    with pytest.raises(ConfigError, match="modality 'spectrum', not 'image'"):
        choose_backbone_config("image", "spender-small")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["moco.queu=3"], r"no key 'moco\.queu': did you mean 'queue'"),
        (["autoencoder.latent=3"], "give one of the sections"),
        (["moco=null"], "give one of the sections"),
        (["modality.kind=null"], r"modality\.kind is missing"),
        (["training.devices=2"], "one device"),
        (["moco.momentum=1"], r"moco\.momentum"),
        (["modality.backbone={encoder: {name: resnet50}}"], r"modality\.backbone"),
    ],
)
def test_what_is_wrong_is_one_sentence(overrides, message):
    with pytest.raises(ConfigError, match=message):
        load_backbone_config("moco-small", overrides)


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'moco-small'"):
        load_backbone_config("moco-smal")


def test_a_file_extends_a_shipped_one(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "extends: spender-small\nautoencoder: {frame: rest, redshift: z}\n"
    )
    config = load_backbone_config(tmp_path / "mine.yaml")
    assert config.name == "mine"
    assert (config.autoencoder.frame, config.autoencoder.redshift) == ("rest", "z")
    assert config.autoencoder.hidden == [128, 256]
