"""The networks of the bench, made by real exporters and kept in a folder."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.drift.nets import keras_nets, quantized, sklearn_nets, torch_nets

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.drift.data import Array

HERE = Path(__file__).parent
DIGITS = HERE.parents[1] / "golden" / "digits"
DEFAULT_CACHE = Path("~/.cache/model-quality-harness/drift-bench")
_MAKERS = ("keras", "onnxruntime", "scikit-learn", "skl2onnx", "tf2onnx", "torch")
N_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Topology:
    """One network.

    Attributes:
        name: As asked for with ``--topology``.
        family: Its kind, in a word.
        maker: What builds it; the cache forgets it when that changes.
        build: Writes ``model.onnx`` and ``inputs.npz`` into a folder.
        needs: Topology that must be there first.
        fits: Whether mutants are made of it; others serve special pairs only.
    """

    name: str
    family: str
    maker: str
    build: Callable[[Path], None]
    needs: str | None = None
    fits: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """A network on disk.

    Attributes:
        topology: What it is.
        path: Its ONNX file.
        inputs: Input name -> golden samples, axis 0 counts them.
    """

    topology: Topology
    path: Path
    inputs: dict[str, Array]


def _digits(folder: Path, name: str) -> None:
    shutil.copyfile(DIGITS / "models" / name, folder / "model.onnx")
    with np.load(next((DIGITS / "data").glob("*.npz"))) as shard:
        image = shard["image"][:N_DIGITS].astype(np.float32) * np.float32(0.0625)
    np.savez(folder / "inputs.npz", image=image)


def _quantized(folder: Path, source: str) -> None:
    quantized.build(folder, built(source, folder.parent).path.parent)


def _keras(
    name: str, application: str, size: int, **options: float | str | None
) -> Topology:
    make = partial(keras_nets.build, application=application, size=size, **options)
    return Topology(name, "image", "keras", make)


def _torch(name: str, family: str, exporter: str = "legacy") -> Topology:
    make = partial(torch_nets.build, name=name, exporter=exporter)
    return Topology(name, family, "torch", make)


def _sklearn(name: str) -> Topology:
    return Topology(name, "table", "sklearn", partial(sklearn_nets.build, name=name))


TOPOLOGIES = {
    topology.name: topology
    for topology in (
        _keras("nasnetmobile", "NASNetMobile", 64),
        _keras("mobilenetv2", "MobileNetV2", 96, alpha=0.35),
        _keras("resnet50v2", "ResNet50V2", 64),
        _keras("densenet121", "DenseNet121", 64),
        _keras("efficientnetb0", "EfficientNetB0", 64),
        Topology(
            "resnet50v2-fused", "image", "keras", keras_nets.build_fused, fits=False
        ),
        Topology("older", "image", "keras", keras_nets.build_older),
        _torch("encoder", "transformer"),
        _torch("vit", "transformer", "dynamo"),
        _torch("lstm", "recurrent"),
        _torch("gru", "recurrent"),
        _torch("signal", "1-D convolution"),
        _torch("wave", "1-D convolution", "dynamo"),
        _torch("decoder", "decoder", "dynamo"),
        _torch("convnet", "image"),
        _torch("mixer", "perceptron", "dynamo"),
        _sklearn("logistic"),
        _sklearn("perceptron"),
        _sklearn("forest"),
        Topology("digits", "image", "digits", partial(_digits, name="digits.onnx")),
        Topology(
            "convnet-int8",
            "quantized",
            "quantized",
            partial(_quantized, source="convnet"),
            needs="convnet",
        ),
        Topology(
            "signal-int8",
            "quantized",
            "quantized",
            partial(_quantized, source="signal"),
            needs="signal",
        ),
    )
}


def built(name: str, cache: Path) -> Built:
    """The network from the cache, made first where it is not there."""
    topology = TOPOLOGIES[name]
    if topology.needs:
        built(topology.needs, cache)
    folder = cache.expanduser() / f"{name}-{_digest(topology)[:12]}"
    _made(folder, topology.build)
    with np.load(folder / "inputs.npz") as arrays:
        return Built(topology, folder / "model.onnx", dict(arrays))


def cached(name: str, maker: str, cache: Path, build: Callable[[Path], None]) -> Path:
    """A folder of further files, made where it is not there.

    Args:
        name: Of the folder.
        maker: What builds it; see `Topology`.
        cache: Where it lies.
        build: Writes the files.
    """
    digest = _digest(Topology(name, "", maker, build))
    folder = cache.expanduser() / f"{name}-{digest[:12]}"
    _made(folder, build)
    return folder


def _made(folder: Path, build: Callable[[Path], None]) -> None:
    if folder.exists():
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
    unfinished.mkdir(parents=True)
    # Exporters warn of themselves.
    logging.disable(logging.WARNING)
    try:
        build(unfinished)
    finally:
        logging.disable(logging.NOTSET)
    if folder.exists():
        shutil.rmtree(unfinished)
    else:
        unfinished.rename(folder)


def _digest(topology: Topology) -> str:
    """Of everything that makes it: other makers, another folder."""
    digest = hashlib.sha256(repr([version(maker) for maker in _MAKERS]).encode())
    for source in (HERE / "data.py", *sorted((HERE / "nets").glob("*.py"))):
        if source.stem.startswith(("data", topology.maker)):
            digest.update(source.read_bytes())
    if topology.needs:
        digest.update(_digest(TOPOLOGIES[topology.needs]).encode())
    return digest.hexdigest()
