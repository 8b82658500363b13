"""A network with a layer of every kind, in each form that PyTorch writes."""

import warnings
import zipfile

import torch
import torch.ao.quantization.fx._decomposed  # registers operators
import torchscript
from torch import nn
from torch._export.serde.serialize import serialize


class Everything(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(7, 6)
        self.conv = nn.Conv2d(1, 4, 3)
        self.depthwise = nn.Conv2d(4, 4, 3, groups=4)
        self.bn = nn.BatchNorm2d(4, eps=1e-3)
        self.up = nn.ConvTranspose2d(4, 3, 2)
        self.line_up = nn.ConvTranspose1d(3, 2, 2)
        self.lstm = nn.LSTM(6, 5, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(10, 4, batch_first=True)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.norm = nn.LayerNorm(4)
        self.prelu = nn.PReLU(4)
        self.dense = nn.Linear(4, 6)
        self.head = nn.Linear(6, 7, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, image, words):
        image = self.prelu(self.bn(self.depthwise(self.conv(image))))
        line = self.line_up(self.up(image).flatten(2))
        words, _ = self.lstm(self.embed(words))
        words, _ = self.gru(words)
        words, _ = self.attention(words, words, words)
        return self.head(torch.relu(self.dense(self.norm(words)))), line


class Quantized(nn.Module):
    def __init__(self):
        super().__init__()
        self.stub = torch.ao.quantization.QuantStub()
        self.conv = nn.Conv2d(3, 4, 3)
        self.dense = nn.Linear(4, 2)
        self.unstub = torch.ao.quantization.DeQuantStub()

    def forward(self, image):
        pooled = self.conv(self.stub(image)).mean((2, 3))
        return self.unstub(self.dense(pooled))


class Decoding(nn.Module):
    """Codes in the graph, as quantizers of exported programs leave them."""

    def __init__(self):
        super().__init__()
        codes = torch.randint(-128, 128, (4, 6), dtype=torch.int8)
        self.register_buffer("codes", codes)
        self.register_buffer("scales", torch.rand(4) + 0.1)
        self.register_buffer("zeros", torch.arange(4))
        self.register_buffer("table", codes.clone())

    def forward(self, x):
        channels = torch.ops.quantized_decomposed.dequantize_per_channel.default
        whole = torch.ops.quantized_decomposed.dequantize_per_tensor.default
        kernel = channels(self.codes, self.scales, self.zeros, 0, -128, 127, torch.int8)
        table = whole(self.table, 0.25, 3, -128, 127, torch.int8)
        return nn.functional.linear(x, kernel) + x @ table.t()


def write(folder):
    """Everything in all forms; the files' state is returned."""
    torch.manual_seed(0)
    model = Everything().eval()
    with torch.no_grad():
        model.bn.running_mean.uniform_()
        model.bn.running_var.uniform_()
    state = model.state_dict()
    sample = torch.rand(2, 1, 8, 8), torch.randint(0, 7, (2, 3))
    torch.save(state, folder / "state.pth")
    torch.save(state, folder / "old.pth", _use_new_zipfile_serialization=False)
    torch.save(model, folder / "whole.pt")
    optimizer = torch.optim.Adam(model.parameters())
    wrapped = {f"module.{name}": tensor for name, tensor in state.items()}
    torch.save(
        {"epoch": 3, "state_dict": wrapped, "optimizer": optimizer.state_dict()},
        folder / "checkpoint.pth",
    )
    with warnings.catch_warnings():
        # All of torch.jit is deprecated; people have its files.
        warnings.simplefilter("ignore")
        scripted = torchscript.script(model)
        torch.jit.save(scripted, folder / "scripted.pt")
        torch.jit.save(torch.jit.freeze(scripted), folder / "frozen.pt")
        traced = torch.jit.trace(model, sample, check_trace=False)
        torch.jit.save(traced, folder / "traced.pt")
        # It warns of the recurrent layers' own lists.
        _export(model, sample, folder)
    return state


def _export(model, sample, folder):
    program = torch.export.export(model, sample)
    torch.export.save(program, folder / "program.pt2")
    parts = serialize(program)
    # What torch.export.save wrote until 2.5.
    with zipfile.ZipFile(folder / "program-old.pt2", "w") as archive:
        archive.writestr("serialized_exported_program.json", parts.exported_program)
        archive.writestr("serialized_state_dict.pt", parts.state_dict)
        archive.writestr("serialized_constants.pt", parts.constants)
        archive.writestr("serialized_example_inputs.pt", parts.example_inputs)
        archive.writestr("version", "8.2")
    # What it wrote from then until 2.9.
    with zipfile.ZipFile(folder / "program-between.pt2", "w") as archive:
        archive.writestr("p/models/model.json", parts.exported_program)
        archive.writestr("p/data/weights/model.pt", parts.state_dict)
        archive.writestr("p/data/constants/model.pt", parts.constants)
        archive.writestr("p/byteorder", "little")


def write_decoding(folder):
    torch.manual_seed(1)
    model = Decoding()
    program = torch.export.export(model, (torch.rand(2, 6),))
    torch.export.save(program, folder / "decoding.pt2")
    return model


def write_quantized(folder):
    """A quantized network: its state, and as TorchScript."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Quantized().eval()
        model.qconfig = torch.ao.quantization.get_default_qconfig("x86")
        observed = torch.ao.quantization.prepare(model)
        observed(torch.randn(2, 3, 8, 8))
        model = torch.ao.quantization.convert(observed)
        torch.save(model.state_dict(), folder / "quantized.pth")
        torch.jit.save(torchscript.script(model), folder / "quantized.pt")
    return model
