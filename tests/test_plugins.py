"""Code of a user's own: found, named, remembered, and never run because a model says so."""

import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import skybind as sb
from skybind import plugins
from skybind.cli import app
from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.encoders import registry
from skybind.encoders.registry import is_encoder
from skybind.errors import ConfigError, ModelError
from skybind.ingest.readers.registry import file_reader
from skybind.modalities.base import KINDS
from skybind.models.noted import write_note
from skybind.runs.run import Run

DOCS = Path(__file__).parents[1] / "docs" / "plugins.md"


def forget(*names):
    """Undo what plugins did to this program."""
    for module in (*plugins._RUN, *names):
        sys.modules.pop(module, None)
    plugins._RUN.clear()
    plugins.find_more.cache_clear()


@pytest.fixture(autouse=True)
def of_nobody(tmp_path, monkeypatch):
    """A user who has named no plugin yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(plugins.VARIABLE, "")
    monkeypatch.setattr(sys, "path", sys.path.copy())
    forget()
    yield
    forget()
    for encoder in [name for name in registry._ENCODERS if name.startswith("extra_")]:
        del registry._ENCODERS[encoder]


def encoder_file(path, name):
    """A plugin with an encoder; it notes that it was run."""
    path.write_text(
        "from pathlib import Path\n"
        "from torch import nn\n"
        "from skybind.encoders import Encoder, register_encoder\n"
        "Path(__file__).with_suffix('.ran').touch()\n"
        f"@register_encoder({name!r})\n"
        "class Own(Encoder):\n"
        "    def __init__(self, shape, *, width: int = 4):\n"
        "        super().__init__()\n"
        "        self.layer = nn.Linear(shape.channels, width)\n"
        "        self.out_features = width\n"
        "    def forward(self, values, mask=None):\n"
        "        return self.layer(values)\n"
    )
    return path


def test_a_file_is_run_once_under_its_own_name(tmp_path):
    file = encoder_file(tmp_path / "plugin_once.py", "extra_once")
    sb.use_plugins([str(file)])
    first = sys.modules["plugin_once"]
    sb.use_plugins([str(file)])
    assert sys.modules["plugin_once"] is first
    assert is_encoder("extra_once")
    assert sys.path[-1] == str(tmp_path)
    assert os.environ[plugins.VARIABLE] == str(file)  # for the processes that are started
    (note,) = plugins.plugin_notes([str(file)])
    assert note["name"] == str(file)
    assert len(note["hash"]) == 64


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("json.py", "", "another module is called so"),
        ("no-name.py", "", "is no name in Python"),
        ("plugin_fails.py", "1 / 0", r"plugin_fails\.py fails: ZeroDivisionError: division by z"),
        ("plugin_syntax.py", "def", "fails: SyntaxError"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_refused_in_a_sentence(tmp_path, name, content, sentence):
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=sentence):
        sb.use_plugins([str(tmp_path / name)])
    assert str(tmp_path) not in sys.path
    assert not plugins._remembered()


def test_what_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"There is no plugin .*gone\.py"):
        sb.use_plugins([str(tmp_path / "gone.py")])
    with pytest.raises(ConfigError, match=r"no module 'no_such\.package' to take as a plugin"):
        sb.use_plugins(["no_such.package"])


def test_a_name_is_looked_for_in_the_variable_only_when_it_is_not_known(tmp_path, monkeypatch):
    file = encoder_file(tmp_path / "plugin_named.py", "extra_named")
    monkeypatch.setenv(plugins.VARIABLE, str(file))
    assert is_encoder("mlp")
    assert not file.with_suffix(".ran").exists()
    assert is_encoder("extra_named")
    assert file.with_suffix(".ran").exists()


def test_an_entry_point_of_an_installed_package(tmp_path, monkeypatch):
    package = tmp_path / "site" / "plugin_package"
    package.mkdir(parents=True)
    encoder_file(package / "__init__.py", "extra_installed")
    about = tmp_path / "site" / "plugin_package-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin-package\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[skybind.plugins]\nmine = plugin_package\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert is_encoder("mlp")
    assert "plugin_package" not in sys.modules
    assert is_encoder("extra_installed")
    forget("plugin_package")
    (package / "__init__.py").write_text("import no_such_module_of_mine")
    with pytest.raises(ConfigError, match=r"plugin 'mine' of an installed package .* fails"):
        is_encoder("extra_unknown")


def test_paths_are_relative_to_the_configuration_that_names_them(tmp_path):
    (tmp_path / "base").mkdir()
    base, mine = tmp_path / "base" / "base.yaml", tmp_path / "mine.yaml"
    base.write_text("extends: stars-small\nplugins: [one.py, some.package]\n")
    mine.write_text("extends: base/base.yaml\nplugins: [../two.py]\n")
    one, two = str(tmp_path / "base" / "one.py"), str(tmp_path.parent / "two.py")
    assert load_config(base).plugins == [one, "some.package"]
    assert load_config(mine).plugins == [one, "some.package", two]
    here = load_config(base, ["plugins=[three.py]"]).plugins
    assert here == [str(Path("three.py").resolve())]


def note_of(file):
    return {"name": str(file), "hash": plugins._hash(file)}


def test_what_nobody_named_is_never_run(tmp_path):
    file = encoder_file(tmp_path / "plugin_strange.py", "extra_strange")
    with pytest.raises(ModelError, match="no configuration of yours has named: read it and, if"):
        plugins.use_noted([note_of(file)], "The model in m")
    assert not file.with_suffix(".ran").exists()
    # not even a module that could be imported
    with pytest.raises(ModelError, match="plugin module 'this', which no configuration of yours"):
        plugins.use_noted([{"name": "this", "hash": ""}], "The model in m")
    assert "this" not in sys.modules

    sb.use_plugins([str(file)])
    forget()
    os.environ[plugins.VARIABLE] = ""
    file.with_suffix(".ran").unlink()
    plugins.use_noted([note_of(file)], "The model in m")  # it was named by now
    assert file.with_suffix(".ran").exists()


def test_a_remembered_hash_opens_no_other_module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "plugin_good.py").write_text("")
    (tmp_path / "plugin_bad.py").write_text("")
    sb.use_plugins(["plugin_good"])
    (note,) = plugins.plugin_notes(["plugin_good"])
    forget()
    with pytest.raises(ModelError, match="plugin_bad"):
        plugins.use_noted([{**note, "name": "plugin_bad"}], "The model in m")
    plugins.use_noted([note], "The model in m")


def test_gone_and_changed_plugins_are_refused_unless_they_are_named(tmp_path, monkeypatch, caplog):
    file = encoder_file(tmp_path / "plugin_moved.py", "extra_moved")
    sb.use_plugins([str(file)])
    note = note_of(file)
    forget()
    monkeypatch.setenv(plugins.VARIABLE, "")
    file.write_text(file.read_text() + "# changed\n")
    with pytest.raises(ModelError, match="which has changed since: bring that state back, or name"):
        plugins.use_noted([note], "The model in m")
    monkeypatch.setenv(plugins.VARIABLE, str(file))
    caplog.set_level("WARNING", logger="skybind")
    plugins.use_noted([note], "The model in m")
    assert "another state of the plugin" in caplog.text
    with pytest.raises(ConfigError, match="begun with another state of the plugin"):
        plugins.refuse_changed([note], "The run in r")
    forget()
    monkeypatch.setenv(plugins.VARIABLE, "")
    file.unlink()
    with pytest.raises(ModelError, match="which is gone: name it as it is now with SKYBIND_PLUG"):
        plugins.use_noted([note], "The model in m")


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The files of docs/plugins.md, and stars for them."""
    folder = tmp_path_factory.mktemp("example")
    blocks = re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", DOCS.read_text(), re.DOTALL)
    for name, text in blocks:
        (folder / name).write_text(text)
    assert {f.name for f in folder.iterdir()} == {"my_plugin.py", "mapping.yaml", "mine.yaml"}
    rng = np.random.default_rng(0)
    (folder / "curves").mkdir()
    rows = ["name,label,g_mag,bp_rp"]
    for number in range(60):
        label = "EW" if number % 2 else "RRAB"
        rows.append(f"s{number},{label},{rng.uniform(10, 15)},{number % 2 + rng.normal(0, 0.1)}")
        width = 0.5 if number % 2 else 0.1
        time, brightness = np.sort(rng.uniform(0, 90, 30)), 12 + width * rng.normal(size=30)
        epochs = np.column_stack([time, brightness, np.full(30, 0.01)])
        np.savetxt(folder / "curves" / f"s{number}.txt", epochs)
    (folder / "stars.csv").write_text("\n".join(rows))
    return folder


def unregister():
    registry._ENCODERS.pop("one_layer", None)
    KINDS.pop("histogram", None)


def anew():
    """As a new program has it: nothing of the plugin is there."""
    forget()
    os.environ[plugins.VARIABLE] = ""
    unregister()


@pytest.fixture
def own(example, monkeypatch):
    """The folder of the example; what it registers is taken back at the end."""
    monkeypatch.chdir(example)
    yield example
    unregister()


def commands():
    text = re.search(r"```bash\n(.*?)```", DOCS.read_text(), re.DOTALL)
    return [line.split()[1:] for line in text[1].splitlines()]


def test_the_example_of_the_page_works_and_its_model_opens_only_with_it(own, monkeypatch):
    assert len(commands()) == 3
    for command in commands():
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, (command, done.output, done.exception)
    assert file_reader("photometry", "three_columns") is not None
    survey = Dataset.open("survey")
    assert survey.present("photometry").all()
    np.testing.assert_allclose(
        survey["s0"].photometry["magnitude"].value, np.loadtxt("curves/s0.txt")[:, 1], rtol=1e-6
    )
    run = Run.open("run")
    assert run.config.model.loss == "siglip"
    plugin = str(own / "my_plugin.py")
    assert [note["name"] for note in run.status.plugins] == [plugin]
    model = Path("run/pretrain/model/model.json")
    saved = json.loads(model.read_text())
    assert saved["plugins"] == [note_of(plugin)]
    emb = sb.load("run").embed(survey)
    assert emb["brightness"].shape == (60, 16)

    anew()  # a new program of the same user finds it
    again = sb.load("run").embed(survey)
    np.testing.assert_array_equal(again["brightness"], emb["brightness"])

    anew()  # another user is not made to run it
    home = os.environ["XDG_CONFIG_HOME"]
    monkeypatch.setenv("XDG_CONFIG_HOME", str(own / "another"))
    with pytest.raises(ModelError, match="no configuration of yours has named"):
        sb.load("run")
    with pytest.raises(ModelError, match="The run in run was made with the plugin"):
        sb.Run.open("run")
    monkeypatch.setenv("XDG_CONFIG_HOME", home)

    # a kind that nobody registers is no obscure error
    whole = model.read_bytes()
    write_note(model, {**saved, "plugins": []})
    with pytest.raises(ModelError, match="needs the kind of modality 'histogram', which is not"):
        sb.load("run")
    model.write_bytes(whole)

    # a run does not go on with another state of its plugin
    source = Path("my_plugin.py").read_text()
    Path("my_plugin.py").write_text(source.replace("bins: int = Field(16", "bins: int = Field(8"))
    anew()
    with pytest.raises(ConfigError, match="The run in run was begun with another state of the pl"):
        sb.Run.start("mine.yaml", "survey", "run")
