"""TorchScript, and weights with a factory, looked into through PyTorch's exporters."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import torchscript
from torch import nn
from torch.nn import functional

from harness.backends.onnxruntime_ import open_bytes
from harness.backends.torch_ import open_session
from harness.backends.torch_module_to_onnx import script_to_onnx, state_to_onnx
from harness.core.errors import UnsupportedFormatError
from harness.pipeline.drift import DiagnoseOptions, diagnose_pair
from harness.pipeline.pair import compare

if TYPE_CHECKING:
    from pathlib import Path


class Digits(nn.Module):
    """Convolutions, a batch norm, a GELU and a head that takes rows of channels."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault
        pads = 0 if fault == "padding" else 1
        self.first = nn.Conv2d(1, 8, 3, stride=2, padding=pads)
        self.norm = nn.BatchNorm2d(8, eps=1e-3 if fault == "epsilon" else 1e-5)
        self.second = nn.Conv2d(8, 8, 3, padding="same")
        self.head = nn.Linear(8 * 16, 10)
        self.approximate = "tanh" if fault == "gelu" else "none"
        self.norm.running_var.copy_(torch.linspace(1e-3, 0.1, 8))

    def forward(self, x):
        if self.fault == "padding":
            x = functional.pad(x, (0, 1, 0, 1))
        x = torch.relu(self.norm(self.first(x)))
        x = functional.gelu(self.second(x), approximate=self.approximate)
        if self.fault == "flatten":
            x = x.permute(0, 2, 3, 1)
        return 30 * self.head(torch.flatten(x, 1))


class Recurrent(nn.Module):
    """An LSTM that reads both ways, a GRU, and its last state."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault
        self.lstm = nn.LSTM(6, 8, batch_first=True, bidirectional=True)
        self.norm = nn.LayerNorm(16, eps=1e-2 if fault == "epsilon" else 1e-5)
        self.gru = nn.GRU(16, 5, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        states, _ = self.lstm(x)
        states, _ = self.gru(self.norm(states))
        chosen = states[:, 0] if self.fault == "last" else states[:, -1]
        return self.head(chosen)


class Encoder(nn.Module):
    """A transformer's layer; without gradients it is one operator of PyTorch's."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            *(16, 4, 32),
            batch_first=True,
            activation="relu" if fault == "activation" else "gelu",
            layer_norm_eps=1e-2 if fault == "epsilon" else 1e-5,
            norm_first=fault == "first",
        )
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.encoder(x).mean(1))


class Upsampling(nn.Module):
    """Along one axis down and up again, then an image that grows."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.corners = fault == "corners"
        self.down = nn.Conv1d(3, 8, 5, padding=2, stride=2)
        self.norm = nn.GroupNorm(2, 8)
        self.up = nn.ConvTranspose1d(8, 4, 4, stride=2, padding=1)
        self.last = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        x = self.up(functional.elu(self.norm(self.down(x)))).reshape(-1, 4, 4, 4)
        x = functional.interpolate(
            x, scale_factor=2.0, mode="bilinear", align_corners=self.corners
        )
        return self.last(x)


class Branching(nn.Module):
    """Takes a way that the samples' numbers choose."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault
        self.dense = nn.Linear(4, 4)

    def forward(self, x):
        x = self.dense(x)
        if x.sum() > 0:
            x = 2 * x
        return x


class Naming(nn.Module):
    """Answers by names."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault
        self.dense = nn.Linear(4, 2)

    def forward(self, x, y):
        return {"scores": self.dense(x), "sum": x + y}


SHAPES = {
    Digits: (1, 8, 8),
    Recurrent: (7, 6),
    Encoder: (5, 16),
    Upsampling: (3, 16),
    Branching: (4,),
    Naming: (4,),
}
MADE = ("traced", "scripted", "traced frozen", "frozen")
SEEN = (Digits, Recurrent, Encoder, Upsampling)


def built(kind, fault=""):
    torch.manual_seed(3)
    return kind(fault).eval()


def drawn(kind, n=20):
    return np.random.default_rng(1).standard_normal((n, *SHAPES[kind]), np.float32)


def saved(path, kind, made, fault=""):
    net, traced = built(kind, fault), "traced" in made
    with torch.no_grad(), warnings.catch_warnings():
        # All of torch.jit is deprecated, and traces warn of layers' own checks.
        warnings.simplefilter("ignore")
        shown = torch.from_numpy(drawn(kind, 2))
        module = torch.jit.trace(net, shown) if traced else torchscript.script(net)
        module = torch.jit.freeze(module) if "frozen" in made else module
        torch.jit.save(module, path)
    return path


@functools.cache
def as_onnx(kind):
    free = ({0: torch.export.Dim("n", min=1)},)
    shown = (torch.from_numpy(drawn(kind, 2)),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(built(kind), shown, dynamic_shapes=free)
        made = torch.onnx.export(program, dynamo=True, verbose=False)
    return made.model_proto.SerializeToString()


@pytest.fixture
def pair(tmp_path):
    """A net's ONNX file, its golden data, and a TorchScript file of it."""

    def make(kind, made, fault="") -> tuple[Path, Path, Path]:
        (tmp_path / "net.onnx").write_bytes(as_onnx(kind))
        np.savez(tmp_path / "golden.npz", x=drawn(kind))
        module = saved(tmp_path / "net.pt", kind, made, fault)
        return tmp_path / "net.onnx", module, tmp_path / "golden.npz"

    return make


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        *((Digits, made) for made in MADE),
        *((Recurrent, made) for made in MADE),
        (Encoder, "traced"),
        (Encoder, "frozen"),
        *((Upsampling, made) for made in MADE),
    ],
)
def test_the_export_answers_as_the_module_for_any_batch(kind, made, tmp_path):
    path, x = saved(tmp_path / "net.pt", kind, made), drawn(kind)
    model = script_to_onnx(path, {}, lambda n: {"x": x[:n]})
    sessions = open_session(path, {}), open_bytes(model.SerializeToString(), {})
    theirs, ours = (s.run({"x": x}, slice(0, len(x))) for s in sessions)
    assert ours.keys() == theirs.keys() == {"output"}
    largest = np.abs(theirs["output"]).max()
    np.testing.assert_allclose(ours["output"], theirs["output"], atol=1e-5 * largest)


def test_layers_stay_what_they_are(tmp_path):
    kinds = {
        Recurrent: {"LSTM", "GRU", "LayerNormalization"},
        Encoder: {"LayerNormalization", "Softmax", "Gelu"},
        Upsampling: {"ConvTranspose", "Resize", "InstanceNormalization"},
    }
    for kind, wanted in kinds.items():
        x = drawn(kind)
        path = saved(tmp_path / f"{kind.__name__}.pt", kind, "scripted")
        model = script_to_onnx(path, {}, lambda n, x=x: {"x": x[:n]})
        assert wanted <= {node.op_type for node in model.graph.node}


@pytest.mark.parametrize(
    ("kind", "made", "fault", "code", "op_type"),
    [
        (Digits, "traced", "padding", "PAD001", "Conv"),
        (Digits, "frozen", "epsilon", "NRM001", "Conv"),
        (Digits, "scripted", "flatten", "LAY001", "Gemm"),
        (Digits, "traced frozen", "gelu", "ACT002", "Gelu"),
        (Recurrent, "traced", "last", "GTH001", "Gather"),
        (Recurrent, "frozen", "epsilon", "NRM001", "LayerNormalization"),
        (Encoder, "traced", "epsilon", "NRM001", "LayerNormalization"),
        (Encoder, "scripted", "activation", "ACT004", "Relu"),
        (Upsampling, "traced", "corners", "RSZ001", "Resize"),
        (Upsampling, "frozen", "corners", "RSZ001", "Resize"),
    ],
)
def test_a_fault_is_located_named_and_proven(pair, kind, made, fault, code, op_type):
    reference, candidate, data = pair(kind, made, fault)
    report, _ = diagnose_pair(reference, candidate, data, DiagnoseOptions())
    finding = report.findings[0]
    assert (finding.code, finding.where.op_type) == (code, op_type)
    assert finding.proof is not None
    assert finding.proof.error_removed > 0.99


@pytest.mark.parametrize(
    ("kind", "fault", "code"),
    [(Digits, "padding", "PAD001"), (Recurrent, "last", "GTH001")],
)
def test_torchscript_may_be_the_reference(pair, kind, fault, code):
    candidate, reference, data = pair(kind, "traced", fault)
    report, _ = diagnose_pair(reference, candidate, data, DiagnoseOptions())
    assert report.findings[0].code == code
    assert report.findings[0].proof.error_removed > 0.99


@pytest.mark.parametrize("kind", SEEN)
def test_a_clean_pair_is_silent(pair, kind):
    reference, candidate, data = pair(kind, "frozen")
    report, _ = diagnose_pair(reference, candidate, data, DiagnoseOptions())
    assert not report.drifts
    assert report.findings == ()


def test_the_gate_asks_a_torchscript_candidate(pair):
    report = compare(*pair(Digits, "scripted", "padding"))
    candidate = report.variant("candidate")
    checks = {check.name: check.status for check in candidate.checks}
    assert checks["operator_semantics"] == "failed"
    assert report.findings[0].code == "PAD001"


def test_layers_go_by_the_paths_of_their_modules(pair):
    reference, candidate, data = pair(Digits, "traced", "padding")
    report, _ = diagnose_pair(reference, candidate, data, DiagnoseOptions())
    assert report.findings[0].where.candidate_node == "/first/Conv"


def test_what_branches_on_numbers_is_refused_in_one_line(tmp_path, capfd):
    path, x = saved(tmp_path / "net.pt", Branching, "scripted"), drawn(Branching)
    with pytest.raises(UnsupportedFormatError, match="loops or branches on numbers"):
        script_to_onnx(path, {}, lambda n: {"x": x[:n]})
    assert capfd.readouterr().out == ""


def test_answers_by_name_and_several_inputs(tmp_path):
    path = saved(tmp_path / "net.pt", Naming, "scripted")
    x = np.ones((20, 4), np.float32)
    fed = {"y": 2 * x, "x": x}
    model = script_to_onnx(path, {}, lambda n: {k: a[:n] for k, a in fed.items()})
    sessions = open_session(path, {}), open_bytes(model.SerializeToString(), {})
    theirs, ours = (s.run(fed, slice(0, 20)) for s in sessions)
    assert ours.keys() == theirs.keys() == {"scores", "sum"}
    np.testing.assert_allclose(ours["sum"], theirs["sum"], atol=1e-6)


def digits():
    """A factory, as a suite names it."""
    return Digits()


def test_weights_with_a_factory_are_exported(tmp_path):
    path, x = tmp_path / "net.pth", drawn(Digits)
    torch.save(built(Digits).state_dict(), path)
    options = {"factory": f"{__name__}:digits"}
    model = state_to_onnx(path, options, lambda n: {"x": x[:n]})
    sessions = open_session(path, options), open_bytes(model.SerializeToString(), {})
    theirs, ours = (s.run({"x": x}, slice(0, 20)) for s in sessions)
    np.testing.assert_allclose(ours["output"], theirs["output"], atol=1e-4)
    assert {"/first/Conv", "/head/Gemm"} <= {node.name for node in model.graph.node}
