"""Small models of each form, as messages and as files; real exporters make them."""

import json
import struct
import zipfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.inspection import inspect_model


@pytest.fixture
def build():
    """Nodes -> a model with input x and output y."""

    def make(nodes, initializers=(), x=("N", 2, 8, 8), opset=18, **options):
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [
                numpy_helper.from_array(np.asarray(v), k)
                for k, v in dict(initializers).items()
            ],
            value_info=options.pop("value_info", []),
        )
        opsets = [helper.make_opsetid("", opset)]
        opsets += [helper.make_opsetid(d, 1) for d in options.pop("domains", ())]
        options = {"ir_version": 8, "producer_name": "test"} | options
        return helper.make_model(graph, opset_imports=opsets, **options)

    return make


@pytest.fixture
def facts(build, tmp_path):
    """Nodes, or a whole model -> its facts."""

    def inspect(nodes, *args, **options):
        whole = isinstance(nodes, onnx.ModelProto)
        model = nodes if whole else build(nodes, *args, **options)
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        return inspect_model(path, "onnx")

    return inspect


@pytest.fixture
def archive(tmp_path):
    """Members, __ for the dot -> a zip archive; values that are no text are JSON."""

    def make(name, **members):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as file:
            for member, content in members.items():
                plain = isinstance(content, (str, bytes))
                text = content if plain else json.dumps(content)
                file.writestr(member.replace("__", "."), text)
        return path

    return make


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def message(*fields):
    """A protobuf message of (number, value): int, float, text, bytes or a message."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        elif isinstance(value, float):
            out += varint(number << 3 | 5) + struct.pack("<f", value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


@pytest.fixture(name="message")
def message_fixture():
    """Writes protobuf messages by their field numbers."""
    return message


@pytest.fixture(scope="session")
def torch_files(tmp_path_factory):
    """A small network in each form that PyTorch writes, and as safetensors."""
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("torch")
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(144, 10),
    ).eval()
    state = model.state_dict()
    torch.save(state, folder / "state.pth")
    torch.save(state, folder / "old.pth", _use_new_zipfile_serialization=False)
    torch.save(model, folder / "whole.pt")
    sample = torch.zeros(2, 1, 8, 8)
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.save(torch.jit.trace(model, sample), folder / "traced.pt")
    shapes = {"input": {0: torch.export.Dim("n")}}
    program = torch.export.export(model, (sample,), dynamic_shapes=shapes)
    torch.export.save(program, folder / "program.pt2")
    save_file(state, folder / "state.safetensors", metadata={"format": "pt"})
    return folder
