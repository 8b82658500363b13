"""The digits CNN in each form of TensorFlow's, against what Keras answered."""

import shutil
from types import MappingProxyType

import numpy as np
import pytest

from harness.backends.detect import detect
from harness.backends.tensorflow_ import open_session
from harness.testing import LiveBackendContract

pytest.importorskip("tensorflow", reason="needs the tensorflow extra")

NAMES = {"inputs": ["image"], "outputs": ["probabilities"]}


class Contract(LiveBackendContract):
    backend = "tensorflow"

    @pytest.fixture
    def feeds(self, images):
        return {"image": images}


class TestOldSavedModel(Contract):
    @pytest.fixture
    def model(self, old):
        return old / "savedmodel"


class TestCheckpointFolder(Contract):
    @pytest.fixture
    def model(self, old):
        return old / "checkpoint"


class TestCheckpointIndex(Contract):
    options = MappingProxyType(NAMES)

    @pytest.fixture
    def model(self, old):
        return old / "bare" / "digits.index"


@pytest.mark.usefixtures("factories")
class TestFactory(Contract):
    options = MappingProxyType({"factory": "digits_factories:digits"})

    @pytest.fixture
    def model(self, checkpoint):
        return checkpoint.with_name(f"{checkpoint.name}.index")


class TestGraphText(Contract):
    @pytest.fixture
    def model(self, old):
        return old / "frozen.pbtxt"


class TestOptimizedGraph(Contract):
    @pytest.fixture
    def model(self, optimized):
        return optimized / "optimized.pb"


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("savedmodel", {}),
        ("savedmodel", NAMES),
        ("checkpoint", {}),
        ("bare/digits", NAMES),
        ("first/digits.ckpt", NAMES),
        ("frozen.pb", {}),
        ("frozen.pbtxt", {}),
        ("optimized.pb", {}),
        ("folded.pb", {}),
    ],
)
def test_old_forms(optimized, form, options, golden_images, recorded):
    assert detect(optimized / form) == "tensorflow"
    hold(optimized / form, options, golden_images, recorded)


@pytest.mark.parametrize("form", ["savedmodel", "frozen.pb"])
def test_committed_forms(models, form, golden_images, recorded):
    hold(models / form, {}, golden_images, recorded)


def test_checkpoint_through_a_factory(checkpoint, factories, golden_images, recorded):
    assert detect(checkpoint) == "tensorflow"
    options = {"factory": f"{factories}:digits"}
    hold(checkpoint, options, golden_images, recorded)


def test_opening_old_files_prints_nothing(old, capfd):
    for form, options in (("savedmodel", {}), ("checkpoint", {}), ("frozen.pb", {})):
        open_session(old / form, options).close()
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_the_whole_checkpoint_is_recorded(old, tmp_path):
    """The suite may name one of its files, or none."""
    digests = []
    for name in ("bare", "checkpoint"):
        runtime = open_session(old / name / "digits.index", NAMES).runtime
        assert runtime["checkpoint"] == "digits"
        digests.append(runtime["checkpoint_sha256"])
    shutil.copytree(old / "bare", tmp_path / "copy")
    copied = open_session(tmp_path / "copy" / "digits", NAMES).runtime
    assert copied["checkpoint_sha256"] == digests[0] != digests[1]


def hold(path, options, images, recorded):
    """Float forms answer as Keras does, to 2e-6 in a probability."""
    session = open_session(path, options)
    (found,) = session.run({"image": images}, slice(0, len(images))).values()
    np.testing.assert_allclose(found, recorded, rtol=0, atol=2e-6)
    session.close()
