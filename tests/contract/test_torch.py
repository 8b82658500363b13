"""PyTorch through the contract: each form of the digits network, and odd signatures."""

import sys
import types
import warnings
from functools import cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnx
import pytest

from harness.backends.torch_ import open_session
from harness.core.specs import GoldenSpec, Preprocess
from harness.golden.preprocess import prepare
from harness.golden.source import open_golden
from harness.testing import LiveBackendContract, answers

torch = pytest.importorskip("torch", reason="needs the torch extra")
import torchscript  # noqa: E402 - only where torch is there
from torch import nn  # noqa: E402 - only where torch is there

GOLDEN = Path(__file__).parents[2] / "golden"
WEIGHTS = GOLDEN / "digits-regressed" / "models" / "torch.onnx"
RECORDED = GOLDEN / "digits" / "recorded" / "keras"


class Digits(nn.Module):
    """The golden digits network, ported, with the weights it was exported with."""

    shapes = MappingProxyType({"image": (5, 1, 8, 8)})

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(16, eps=1e-3)
        self.conv2 = nn.Conv2d(16, 24, 3, 2)
        self.dense = nn.Linear(384, 10)
        self.load_state_dict(weights(), strict=False)

    def forward(self, image: torch.Tensor):
        x = self.bn1(self.conv1(image).relu())
        x = self.conv2(nn.functional.pad(x, (0, 1, 0, 1))).relu()
        return self.dense(x.permute(0, 2, 3, 1).flatten(1)).softmax(1)


class TwoByTwo(nn.Module):
    shapes = MappingProxyType({"left": (5, 4), "right": (5, 3)})

    def forward(self, left: torch.Tensor, right: torch.Tensor):
        return {"sum": left + right.sum(1, keepdim=True), "scaled": 2 * left}


class Recurrent(nn.Module):
    """A GRU whose state comes in and goes out, samples first."""

    shapes = MappingProxyType({"sequence": (5, 6, 3), "state": (5, 1, 4)})

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 4, batch_first=True)

    def forward(self, sequence: torch.Tensor, state: torch.Tensor):
        answer, state = self.gru(sequence, state.transpose(0, 1).contiguous())
        return answer, state.transpose(0, 1)


class Scalar(nn.Module):
    shapes = MappingProxyType({"x": (5, 4)})

    def forward(self, x: torch.Tensor):
        return x.square().sum(1)


class Integers(nn.Module):
    shapes = MappingProxyType({"tokens": (5, 6)})

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 4)

    def forward(self, tokens: torch.Tensor):
        return self.table(tokens).mean(1)


def weights():
    arrays = onnx.load(WEIGHTS).graph.initializer
    found = {a.name: torch.tensor(onnx.numpy_helper.to_array(a)) for a in arrays}
    return {name: value for name, value in found.items() if "." in name}


def feeds_of(network):
    generator = np.random.default_rng(0)
    if network is Integers:
        return {"tokens": np.arange(30).reshape(5, 6) % 10}
    return {
        name: generator.normal(size=shape).astype(np.float32)
        for name, shape in network.shapes.items()
    }


def declared(network):
    """What a suite says of the inputs."""
    return {
        name: {"dtype": array.dtype.name, "shape": ["n", *array.shape[1:]]}
        for name, array in feeds_of(network).items()
    }


def trace(module, example, path):
    torch.jit.trace(module, tuple(example.values())).save(path)


def script(module, example, path):
    torchscript.script(module).save(path)


def program(module, example, path):
    batch = torch.export.Dim("batch", min=1)
    free = {name: {0: batch} for name in example}
    exported = torch.export.export(module, tuple(example.values()), dynamic_shapes=free)
    torch.export.save(exported, path)


def state(module, example, path):
    torch.save(module.state_dict(), path)


def old_state(module, example, path):
    torch.save(module.state_dict(), path, _use_new_zipfile_serialization=False)


def safetensors(module, example, path):
    from safetensors.torch import save_file

    save_file(module.state_dict(), path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Saves a network in a form, once."""

    @cache
    def make(network, save, suffix):
        torch.manual_seed(0)
        path = tmp_path_factory.mktemp("torch") / f"{network.__name__}{suffix}"
        example = {n: torch.from_numpy(a) for n, a in feeds_of(network).items()}
        with warnings.catch_warnings():
            # Exporters of TorchScript are deprecated, and say so.
            warnings.simplefilter("ignore")
            save(network().eval(), example, path)
        return path

    return make


@pytest.fixture(autouse=True)
def user_code(monkeypatch):
    """The module that a suite's factory lies in."""
    module = types.ModuleType("digits_factory")
    module.build = Digits
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.fixture(scope="module")
def golden():
    """All golden images, channels first, and what Keras answered."""
    source = open_golden(GoldenSpec(GOLDEN / "digits" / "data"))
    (chunk,) = source.chunks(source.n_samples)
    steps = Preprocess(scale=0.0625, transpose=(0, 3, 1, 2))
    recorded = np.load(RECORDED / "shard-000.npz")
    return prepare(chunk.inputs["image"], steps), recorded["probabilities"]


class TorchContract(LiveBackendContract):
    backend = "torch"
    network = Digits
    form = (program, ".pt2")

    @pytest.fixture
    def model(self, made):
        return made(self.network, *self.form)

    @pytest.fixture
    def feeds(self):
        return feeds_of(self.network)


class DigitsContract(TorchContract):
    def test_agrees_with_the_recorded_original(self, model, golden):
        images, expected = golden
        session = self.open(model)
        found = answers(session, {"image": images}, 50)["output"]
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


class TestProgram(DigitsContract):
    pass


class TestTrace(DigitsContract):
    form = (trace, ".pt")
    options = MappingProxyType({"inputs": declared(Digits)})


class TestScript(DigitsContract):
    form = (script, ".pt")
    options = MappingProxyType({"inputs": declared(Digits)})


class TestStateDict(DigitsContract):
    form = (state, ".pth")
    options = MappingProxyType(
        {"inputs": declared(Digits), "factory": "digits_factory:build"}
    )


class TestOldStateDict(TestStateDict):
    form = (old_state, ".pth")


class TestSafetensors(TestStateDict):
    form = (safetensors, ".safetensors")


class SignatureContract(TorchContract):
    """Exported programs tell their signature; of scripts the suite does."""

    @pytest.fixture
    def scripted(self, made):
        return made(self.network, script, ".pt")

    def test_a_script_answers_as_the_program(self, session, scripted, feeds):
        with open_session(scripted, {"inputs": declared(self.network)}) as other:
            assert other.outputs == session.outputs
            expected, found = self._run(session, feeds), self._run(other, feeds)
        assert list(found) == list(expected)
        for name, answer in found.items():
            np.testing.assert_allclose(answer, expected[name], rtol=1e-6, atol=1e-6)

    def test_a_script_of_which_nothing_is_declared(self, session, scripted, feeds):
        with open_session(scripted, {}) as other:
            assert [spec.name for spec in other.inputs] == list(feeds)
            found = other.run(feeds, slice(0, 5))
        assert list(found) == [spec.name for spec in session.outputs]


class TestTwoInputsTwoOutputs(SignatureContract):
    network = TwoByTwo

    def test_outputs_go_by_their_keys(self, session):
        assert [spec.name for spec in session.outputs] == ["sum", "scaled"]


class TestStatePassedInAndOut(SignatureContract):
    network = Recurrent

    def test_outputs_are_numbered(self, session):
        assert [spec.name for spec in session.outputs] == ["output_0", "output_1"]


class TestScalarAnswer(SignatureContract):
    network = Scalar


class TestIntegers(SignatureContract):
    network = Integers
