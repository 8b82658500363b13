"""What a Keras file must not do, and what is broken, is told before Keras reads it."""

import json
import shutil
import zipfile

import h5py
import pytest

from harness.backends.keras_ import open_session
from harness.core.errors import ModelLoadError, SuiteError, UnsafeModelError

pytest.importorskip("keras", reason="needs the tensorflow extra")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")
FORMS = ("keras", "h5", "json")


def refused(kind, path, options=None, *, match, hint=""):
    with pytest.raises(kind, match=match) as caught:
        open_session(path, options or {})
    assert hint in caught.value.hint
    assert caught.value.hint


@pytest.fixture
def copy(forms, tmp_path):
    shutil.copytree(forms, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("allowed", [[], ["another"]])
def test_lambda_that_is_not_named(save, with_lambda, tmp_path, form, nested, allowed):
    path = save(with_lambda(nested=nested), tmp_path, form)
    options = {"allow_lambda": allowed}
    hint = 'allow_lambda = ["twice"]'
    refused(UnsafeModelError, path, options, match="'twice' is a Lambda", hint=hint)


def edited(path, edit):
    """Change a configuration; one that is named is allowed besides."""
    config = json.loads(path.read_text())
    edit(config["config"]["layers"])
    path.write_text(json.dumps(config))
    return path


def test_bytecode_outside_of_an_allowed_lambda(copy):
    def edit(layers):
        bytecode = {"class_name": "__lambda__", "config": {"code": ""}}
        layers[1]["config"]["activation"] = bytecode

    path = edited(copy / "digits.json", edit)
    options = {"allow_lambda": ["conv1"]}
    refused(UnsafeModelError, path, options, match="stored as Python bytecode")


@pytest.mark.parametrize("kind", ["TFSMLayer", "TorchModuleWrapper"])
def test_layers_that_load_programs(copy, kind):
    path = edited(copy / "digits.json", lambda ls: ls[1].update(class_name=kind))
    refused(UnsafeModelError, path, match=f"'conv1' is a {kind}")


def test_vocabulary_from_a_path(copy):
    def edit(layers):
        layers[1]["config"]["vocabulary"] = "/etc/passwd"

    path = edited(copy / "digits.json", edit)
    refused(UnsafeModelError, path, match="vocabulary from '/etc/passwd'")


def test_arrays_in_other_files(copy):
    with h5py.File(copy / "digits.weights.h5", "r+") as file:
        file["stray"] = h5py.ExternalLink("other.h5", "/secret")
    refused(UnsafeModelError, copy / "digits.json", match=r"lies in .*other\.h5")


def test_arrays_made_of_other_files(copy):
    with h5py.File(copy / "whole.h5", "r+") as file:
        layout = h5py.VirtualLayout((4,), "f4")
        layout[:] = h5py.VirtualSource("other.h5", "secret", shape=(4,))
        file.create_virtual_dataset("stray", layout)
    refused(UnsafeModelError, copy / "whole.h5", match=r"lies in .*other\.h5")


def test_raw_bytes_of_other_files(copy):
    with h5py.File(copy / "whole.h5", "r+") as file:
        source = [("/etc/passwd", 0, 16)]
        file.create_dataset("stray", (4,), "f4", external=source)
    refused(UnsafeModelError, copy / "whole.h5", match="'stray' lies in.*/etc/passwd")


def test_arrays_in_other_files_from_inside_of_an_archive(copy, tmp_path):
    with h5py.File(copy / "digits.weights.h5", "r+") as file:
        file["stray"] = h5py.ExternalLink("other.h5", "/secret")
    path = tmp_path / "bad.keras"
    with (
        zipfile.ZipFile(copy / "digits.keras") as good,
        zipfile.ZipFile(path, "w") as bad,
    ):
        bad.writestr("config.json", good.read("config.json"))
        bad.writestr("metadata.json", good.read("metadata.json"))
        bad.write(copy / "digits.weights.h5", "model.weights.h5")
    refused(UnsafeModelError, path, match=r"lies in .*other\.h5")


def test_array_that_unpacks_out_of_all_bounds(copy):
    with h5py.File(copy / "whole.h5", "r+") as file:
        file.create_dataset("bomb", (1 << 40,), "f4", chunks=(1 << 10,))
    refused(UnsafeModelError, copy / "whole.h5", match="'bomb' would unpack to 4,398,")


@pytest.mark.parametrize("name", ["../outside.h5", "/etc/passwd", "a/../../b.h5"])
def test_weights_stay_in_the_folder(copy, name):
    options = {"weights": name}
    refused(UnsafeModelError, copy / "digits.json", options, match="option weights")


def test_configuration_without_weights(copy):
    (copy / "digits.weights.h5").unlink()
    path = copy / "digits.json"
    refused(SuiteError, path, match=r"no digits\.weights\.h5 beside", hint="weights =")
    options = {"weights": "gone.h5"}
    refused(ModelLoadError, path, options, match=r"gone\.h5.* do not exist")


def test_weights_of_a_whole_model(copy):
    options = {"weights": "digits.weights.h5"}
    refused(SuiteError, copy / "whole.h5", options, match="option weights")


def test_weights_of_another_model(copy, keras):
    layers = [keras.Input((4,)), keras.layers.Dense(2)]
    keras.Sequential(layers).save_weights(copy / "other.weights.h5")
    options = {"weights": "other.weights.h5"}
    path = copy / "digits.json"
    refused(ModelLoadError, path, options, match=r"digits\.json: keras refuses")


def test_weights_that_lack_a_variable(copy):
    with h5py.File(copy / "digits.weights.h5", "r+") as file:
        del file["layers/conv2d/vars/0"]
    refused(ModelLoadError, copy / "digits.json", match="keras refuses")


@pytest.mark.parametrize("name", ["digits.keras", "whole.h5", "digits.weights.h5"])
def test_files_cut_short(copy, name):
    path = copy / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    opened = copy / "digits.json" if "weights" in name else path
    refused(ModelLoadError, opened, match=name)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no JSON"),
        ("[]", "names no class"),
        ('{"class_name": "Dense", "config": 3}', "refuses"),
    ],
)
def test_texts_that_are_no_configuration(copy, text, says):
    (copy / "digits.json").write_text(text)
    refused(ModelLoadError, copy / "digits.json", match=says)


@pytest.mark.parametrize(
    ("name", "usual"), [("digits.keras", ".keras"), ("whole.h5", ".h5")]
)
def test_suffix_by_which_keras_tells_its_forms(copy, name, usual):
    path = (copy / name).rename(copy / "model.bin")
    refused(ModelLoadError, path, match="by suffix", hint=f"model{usual}")
