"""An exported program of PyTorch, looked into by way of PyTorch's own exporter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import torch

from harness.backends.onnxruntime_ import open_bytes
from harness.backends.torch_ import open_session
from harness.backends.torch_to_onnx import program_to_onnx
from harness.core.errors import ModelLoadError
from harness.pipeline.drift import DiagnoseOptions, diagnose_pair

if TYPE_CHECKING:
    from pathlib import Path


class Net(torch.nn.Module):
    """A convolution, a batch norm with statistics that are not 0 and 1, a head."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.norm = torch.nn.BatchNorm2d(8, eps=1e-3)
        self.head = torch.nn.Linear(8 * 16, 10)
        self.norm.running_var.copy_(torch.linspace(1e-3, 0.1, 8))

    def forward(self, x):
        found = torch.relu(self.norm(self.conv(x))).flatten(1)
        return torch.softmax(self.head(found), 1)


def exported(path, eps):
    torch.manual_seed(3)
    net = Net().eval()
    net.norm.eps = eps
    free = ({0: torch.export.Dim("n", min=1)},)
    made = torch.export.export(net, (torch.zeros(2, 1, 8, 8),), dynamic_shapes=free)
    torch.export.save(made, path)
    return path


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    return exported(tmp_path_factory.mktemp("program") / "net.pt2", 1e-3)


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return np.random.default_rng(1).random((20, 1, 8, 8), np.float32)


def test_its_export_answers_as_it_does_by_the_same_names(program, samples):
    model = program_to_onnx(program, {})
    sessions = open_session(program, {}), open_bytes(model.SerializeToString(), {})
    theirs, ours = (s.run({"x": samples}, slice(0, 20)) for s in sessions)
    assert ours.keys() == theirs.keys()
    np.testing.assert_allclose(ours["output"], theirs["output"], atol=1e-6)
    assert {"relu", "linear"} <= {out for n in model.graph.node for out in n.output}


def test_a_broken_file_is_refused_as_by_the_backend(program, tmp_path):
    broken = tmp_path / "net.pt2"
    broken.write_bytes(program.read_bytes()[:2000])
    with pytest.raises(ModelLoadError, match=r"net\.pt2"):
        program_to_onnx(broken, {})


def test_where_its_conversion_parts_is_named_and_proven(program, samples, tmp_path):
    np.savez(tmp_path / "golden.npz", x=samples)
    file = tmp_path / "net.onnx"
    onnx.save(program_to_onnx(exported(tmp_path / "other.pt2", 1e-5), {}), file)
    data = tmp_path / "golden.npz"
    report, _ = diagnose_pair(program, file, data, DiagnoseOptions())
    assert report.drifts
    finding = report.findings[0]
    assert finding.proof is not None
    assert finding.proof.error_removed > 0.99
    assert finding.where.op_type == "Conv"
