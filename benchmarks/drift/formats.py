"""One network in files of different makers: across formats, and exported again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import onnx

from benchmarks.drift.faults import Truth
from benchmarks.drift.nets import (
    digits_port,
    keras_nets,
    openvino_nets,
    torch_nets,
)
from benchmarks.drift.topologies import DIGITS, built, cached

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from benchmarks.drift.data import Array

REGRESSED = DIGITS.parent / "digits-regressed"
_KERAS = DIGITS / "models" / "digits.keras"
_FIRST = "{ scale = 0.0625, transpose = [0, 3, 1, 2] }"
# Slip -> its slug, and parts of the names of what carries it, in any of the formats.
_TRUTHS = {
    "symmetric_padding": ("padding.same_split", ("conv2", "Pad")),
    "epsilon": ("norm.epsilon", ("bn1", "batch_normalization", "BatchNorm")),
    "flatten_order": (
        "layout.permutation",
        ("flatten", "probabilities", "dense", "MatMul", "Reshape", "Transpose"),
    ),
}
_TORCH_FILES = {
    "symmetric_padding": "torch-symmetric-padding.onnx",
    "epsilon": "torch-bn-epsilon.onnx",
    "flatten_order": "torch-flatten-order.onnx",
}
# OpenVINO names a layer anew where it moves the Pad before it into a convolution.
_MERGED = "Conv__"
_IN_OPENVINO = (
    *("encoder", "vit", "gru", "lstm", "mixer", "convnet", "signal", "wave"),
    "mobilenetv2",
)
_EXPORTED_TWICE = ("encoder", "vit", "gru", "mixer", "convnet", "signal")


@dataclass(frozen=True, slots=True, eq=False)
class FilePair:
    """Two files as they lie, in whatever format.

    Attributes:
        name: For people and logs; the part before the colon groups pairs.
        reference: The file that is right.
        candidate: The file that is judged.
        truth: None where they agree.
        inputs: Network of the bench whose samples both take; None: golden digits.
        preprocess: How either reads the golden digits, as a suite says it.
        reference_level: Optimisation under which an ONNX reference is run.
    """

    name: str
    reference: Path
    candidate: Path
    truth: Truth | None = None
    inputs: str | None = None
    preprocess: tuple[str, str] = field(default=("", ""))
    reference_level: str = "all"

    @property
    def cause(self) -> str:
        """Slug of the fault; empty where they agree."""
        return self.truth.causes[0] if self.truth else ""


def file_pairs(cache: Path) -> list[FilePair]:
    """All of them; what is missing is made first."""
    return [
        *_keras_pairs(cache),
        *_torch_pairs(cache),
        *_exported_twice(cache),
        *_openvino_pairs(cache),
        *_fused(cache),
    ]


def _truth(slip: str | None, form: str = "onnx") -> Truth | None:
    if slip is None:
        return None
    cause, words = _TRUTHS[slip]
    # Nobody edits a TFLite file.
    return Truth((cause,), words=words, repairable=form == "onnx", edit=slip)


def _placed(truth: Truth | None, path: Path) -> Truth | None:
    """With the nodes that tf2onnx named anew, told by the weights that they read."""
    if truth is None or path.suffix != ".onnx":
        return truth
    graph = onnx.load(path).graph
    told = {
        item.name
        for item in graph.initializer
        if any(word.casefold() in item.name.casefold() for word in truth.words)
    }
    nodes = frozenset(n.name for n in graph.node if told & set(n.input))
    return replace(truth, nodes=nodes)


def _keras_pairs(cache: Path) -> list[FilePair]:
    folder = cached("digits-ports", "digits_port", cache, _write_ports)
    pairs = []
    for slip in (None, *digits_port.SLIPS):
        word = slip or "clean"
        for form in ("tflite", "onnx"):
            path = folder / f"{word}.{form}"
            if slip is None:
                path = DIGITS / "models" / f"digits.{form}"
            name = f"keras-{form}:{word}"
            truth = _placed(_truth(slip, form), path)
            pairs.append(FilePair(name, _KERAS, path, truth))
        torch_file = _torch_file(slip)
        name = f"keras-torch-onnx:{word}"
        sides = ("", _FIRST)
        pairs.append(FilePair(name, _KERAS, torch_file, _truth(slip), preprocess=sides))
    return pairs


def _torch_file(slip: str | None) -> Path:
    return REGRESSED / "models" / (_TORCH_FILES[slip] if slip else "torch.onnx")


def _torch_pairs(cache: Path) -> list[FilePair]:
    folder = cached("digits-ports", "digits_port", cache, _write_ports)
    return [
        FilePair(
            f"torch-onnx:{slip or 'clean'}",
            folder / "torch.pt2",
            _torch_file(slip),
            _truth(slip),
            preprocess=(_FIRST, _FIRST),
        )
        for slip in (None, *digits_port.SLIPS)
    ]


def _write_ports(folder: Path) -> None:
    for slip in digits_port.SLIPS:
        model = digits_port.keras_port(_KERAS, slip)
        digits_port.to_tflite(model, folder / f"{slip}.tflite")
        keras_nets.export(model, folder / f"{slip}.onnx", (8, 8, 1))
    digits_port.torch_program(_KERAS, REGRESSED / "_port.py", folder / "torch.pt2")


def _exported_twice(cache: Path) -> list[FilePair]:
    folder = cached("exported-twice", "torch", cache, _export_again)
    pairs = [
        FilePair(
            f"re-export:{name}",
            built(name, cache).path,
            folder / f"{name}.onnx",
            inputs=name,
        )
        for name in _EXPORTED_TWICE
    ]
    older = cached("older-opset", "keras", cache, _older_opset)
    path = built("mobilenetv2", cache).path
    again = older / "mobilenetv2.onnx"
    return [*pairs, FilePair("re-export:opset", path, again, inputs="mobilenetv2")]


def _openvino_pairs(cache: Path) -> list[FilePair]:
    """What OpenVINO's tool makes of the ports, and of the bench's networks."""
    ports = cached("digits-ports", "digits_port", cache, _write_ports)
    for name in _IN_OPENVINO:
        built(name, cache)
    folder = cached(
        "openvino", "openvino_nets", cache, partial(_convert, ports=ports, cache=cache)
    )
    pairs = []
    for slip in (None, *digits_port.SLIPS):
        truth = _truth(slip, "openvino")
        if truth is not None:
            truth = replace(truth, words=(*truth.words, _MERGED))
        word = slip or "clean"
        path = folder / f"{word}.xml"
        pairs.append(FilePair(f"keras-openvino:{word}", _KERAS, path, truth))
    for name in _IN_OPENVINO:
        path = folder / f"{name}.xml"
        network = built(name, cache).path
        pairs.append(FilePair(f"onnx-openvino:{name}", network, path, inputs=name))
    return pairs


def _convert(folder: Path, *, ports: Path, cache: Path) -> None:
    sources = {slip: ports / f"{slip}.onnx" for slip in digits_port.SLIPS}
    sources["clean"] = DIGITS / "models" / "digits.onnx"
    sources |= {name: built(name, cache).path for name in _IN_OPENVINO}
    openvino_nets.convert(sources, folder)


def _export_again(folder: Path) -> None:
    """By the exporter that did not write the bench's own file."""
    dynamo = {"vit", "mixer"}
    for name in _EXPORTED_TWICE:
        inputs = torch_nets.INPUTS[name]()
        exporter = "legacy" if name in dynamo else "dynamo"
        model = torch_nets.network(name)
        torch_nets.export(model, inputs, folder / f"{name}.onnx", name, exporter)


def _older_opset(folder: Path) -> None:
    from benchmarks.drift import data

    images = data.crops(96)
    model = keras_nets.network("MobileNetV2", 96, alpha=0.35)
    keras_nets.calibrate(model, images)
    keras_nets.export(model, folder / "mobilenetv2.onnx", images.shape[1:], opset=13)


def _fused(cache: Path) -> list[FilePair]:
    """A file against itself: right where the runtime does not optimise."""
    network = built("resnet50v2-fused", cache)
    words = ("pool1", "MaxPool", "Pad")
    truth = Truth(("runtime.fusion",), words=words, edit="Pad(0) fused into MaxPool")
    return [
        FilePair(
            "runtime:pad_into_pool",
            network.path,
            network.path,
            truth,
            inputs="resnet50v2-fused",
            reference_level="disable",
        )
    ]


def write_suite(
    pair: FilePair, folder: Path, samples: Mapping[str, Array] | None = None
) -> Path:
    """A suite of the two files.

    Args:
        pair: The files.
        folder: Where they are copied to, and the suite is written.
        samples: What both are fed, by name; None feeds the golden digits.
    """
    blocks = ['[suite]\nname = "pair"\ntask = "tensor"\nreference = "reference"\n']
    blocks.append(_golden(folder / "golden.npz", samples))
    levels = pair.reference_level, "all"
    for side, level, preprocess in zip(
        ("reference", "candidate"), levels, pair.preprocess, strict=True
    ):
        source: Path = getattr(pair, side)
        copy = folder / f"{side}{source.suffix}"
        shutil.copyfile(source, copy)
        if source.suffix == ".xml":
            shutil.copyfile(source.with_suffix(".bin"), copy.with_suffix(".bin"))
        kind = "original" if side == "reference" else "converted"
        blocks.append(
            f'[[variant]]\nname = "{side}"\nkind = "{kind}"\npath = "{copy.name}"\n'
        )
        if preprocess:
            blocks.append(f"preprocess = {preprocess}\n")
        if level != "all":
            blocks.append(f'options = {{ graph_optimization_level = "{level}" }}\n')
    path = folder / "quality.toml"
    path.write_text("".join(blocks))
    return path


def _golden(path: Path, samples: Mapping[str, Array] | None) -> str:
    if samples is not None:
        # A single input is bound whatever its name.
        one = len(samples) == 1
        np.savez(path, **({"image": next(iter(samples.values()))} if one else samples))
        return '[golden]\ndata = "golden.npz"\n'
    with np.load(next((DIGITS / "data").glob("*.npz"))) as shard:
        np.savez(path, image=shard["image"][:32])
    return '[golden]\ndata = "golden.npz"\n[golden.preprocess]\nscale = 0.0625\n'
