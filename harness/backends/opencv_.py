"""Caffe and Darknet models through OpenCV 4's dnn module.

ONNX and TFLite are not offered: without a word, OpenCV answers a QDQ model wrongly, and
differently each time, on batches of more than one, and a float TFLite wrongly by 2e-2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from harness.backends.opencv_caffe import read_prototxt
from harness.backends.opencv_darknet import check_weights, read_cfg
from harness.backends.opencv_files import Pair, find_pair
from harness.backends.opencv_networks import Network, Output
from harness.backends.opencv_shapes import blank_feeds, declared_inputs, output_specs
from harness.backends.options import Options
from harness.backends.sessions import (
    LiveSession,
    LoadedModel,
    batch_error,
    load_failure,
    require_file,
)
from harness.backends.shapes import read_shapes
from harness.core.errors import MissingDependencyError, ModelLoadError, SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.protocols import Array, Arrays, TensorSpec

_ALLOWED = frozenset({"network", "num_threads", "outputs", "shapes", "weights"})
_READERS = {"caffe": "readNetFromCaffe", "darknet": "readNetFromDarknet"}
_TEXTS = {"caffe": read_prototxt, "darknet": read_cfg}
# Types of layers that hold weights, as OpenCV calls them.
_WEIGHTED = frozenset(
    {"BatchNorm", "Convolution", "Deconvolution", "InnerProduct", "PReLU", "Scale"}
)
# Anchor boxes, which stand in the .cfg and not among the weights.
_ANCHORS = "Region"


def open_session(path: Path, options: Mapping[str, object]) -> LiveSession:
    """Open a Caffe or Darknet network with its weights; either file names the model.

    Inputs are NCHW. A prototxt fixes the batch; the option ``shapes`` frees it. The one
    input of a Darknet network is ``data``, of any batch. Outputs of a Caffe network go
    by their blob ("prob"), those of a Darknet network by OpenCV's layer ("yolo_16").

    Args:
        path: ``deploy.prototxt`` or ``.caffemodel``; ``.cfg`` or ``.weights``.
        options: ``weights`` or ``network``, the other file where it is not found by
            its name; ``outputs`` (layers to read), ``shapes`` (input name = sizes,
            -1 is free), ``num_threads`` (1; OpenCV's are the whole process's).

    Raises:
        SuiteError: An option is unknown or has a wrong value.
        ModelLoadError: A file is missing or broken, the two do not belong together, or
            the network is one for training.
        MissingDependencyError: This OpenCV reads no Caffe and no Darknet.
    """
    request = Options("opencv", options, _ALLOWED)
    shapes, asked = read_shapes(request), request.names("outputs")
    threads = request.count("num_threads", 1)
    named = {n: request.get(n, str, "") for n in ("network", "weights") if n in options}
    require_file(path)
    pair = find_pair(path, named)
    reader = _reader(pair.kind)
    network = _TEXTS[pair.kind](pair.network)
    inputs = declared_inputs(network.inputs, shapes)
    where = f"{pair.network} with {pair.weights.name}"
    _silence()
    try:
        net = _loaded(reader, pair, network)
        outputs = _outputs(net, network, asked, pair.network)
        specs = output_specs(net, inputs, outputs)
        call = _Call(net, outputs, specs, threads)
        if blank := blank_feeds(inputs):
            # Weights of a wrong shape show themselves in a first batch alone.
            call(blank)
    except cv2.error as error:
        raise _refusal(error, pair) from error
    return LiveSession(
        LoadedModel(
            inputs=inputs,
            outputs=specs,
            runtime={
                "backend": "opencv",
                "version": cv2.__version__,
                "form": pair.kind,
                "network": pair.network.name,
                "weights": pair.weights.name,
                "num_threads": threads,
            },
            call=call,
            errors=(cv2.error, ValueError, TypeError, MemoryError),
            translate=lambda error: batch_error("opencv", where, _plain(error)),
        )
    )


class _Call:
    """Arrays by name -> what the network answers."""

    def __init__(
        self,
        net: Any,
        outputs: list[Output],
        specs: tuple[TensorSpec, ...],
        threads: int,
    ) -> None:
        self._net = net
        self._layers = [output.layer for output in outputs]
        self._taken = [
            (spec.name, output.index, None if spec.shape is None else len(spec.shape))
            for output, spec in zip(outputs, specs, strict=True)
        ]
        # OpenCV takes 0 for one thread, and a negative number for all.
        self._threads = threads or -1

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        cv2.setNumThreads(self._threads)
        for name, array in feeds.items():
            self._net.setInput(np.ascontiguousarray(array), name)
        answers = self._net.forwardAndRetrieve(self._layers)
        return {
            name: _owned(answer[index], rank)
            for answer, (name, index, rank) in zip(answers, self._taken, strict=True)
        }


def _owned(answer: Array, rank: int | None) -> Array:
    """A copy: OpenCV's own memory is the next batch's.

    A detection layer leaves out the sample axis when there is one sample.
    """
    copy = answer.copy()
    return copy[None] if rank == copy.ndim + 1 else copy


def _reader(kind: str) -> Any:
    try:
        return getattr(cv2.dnn, _READERS[kind])
    except AttributeError as error:
        raise MissingDependencyError(
            f"OpenCV {cv2.__version__} reads no {kind.title()} models; OpenCV 5 dropped"
            " Caffe and Darknet",
            hint="pip install 'opencv-python-headless<5'",
        ) from error


def _refusal(error: Exception, pair: Pair) -> ModelLoadError:
    text = str(error)
    if "Failed to parse" in text and str(pair.weights) in text:
        return ModelLoadError(
            f"{pair.weights}, the weights of {pair.network}, is no whole file of them",
            hint="the file was cut short or changed; copy it again",
        )
    return load_failure("opencv", pair.network, _plain(error))


def _loaded(reader: Any, pair: Pair, network: Network) -> Any:
    net = reader(str(pair.network), str(pair.weights))
    # A build may prefer another backend, whose numbers differ.
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    net.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)
    layers = {name: net.getLayer(name) for name in net.getLayerNames()}
    if pair.kind == "darknet":
        held = [layer.blobs for layer in layers.values() if layer.type != _ANCHORS]
        wanted = sum(int(blob.size) for blobs in held for blob in blobs)
        check_weights(pair.weights, pair.network, wanted)
    for name, layer in layers.items():
        alone = network.sources.get(name) == 1
        # OpenCV is killed by some of these layers when they have no weights.
        if alone and layer.type in _WEIGHTED and not layer.blobs:
            raise ModelLoadError(
                f"{pair.weights} has no weights for layer {name!r} ({layer.type}) of"
                f" {pair.network}",
                hint="the two files belong to different networks; name the pair",
            )
    return net


def _outputs(net: Any, network: Network, asked: list[str], path: Path) -> list[Output]:
    own = network.outputs
    if own is None:
        own = tuple(Output(name, name) for name in net.getUnconnectedOutLayersNames())
    if not asked:
        return list(own)
    known = {name: Output(name, name) for name in net.getLayerNames()}
    known |= {output.name: output for output in own}
    for name in asked:
        if name not in known:
            raise SuiteError(
                f"{path} has no layer or output {name!r}",
                hint=f"its layers are: {', '.join(net.getLayerNames())}",
            )
    return [known[name] for name in asked]


def _silence() -> None:
    """What OpenCV logs of a failure is in the exception that we translate."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _plain(error: Exception) -> Exception:
    """The same error without the place in OpenCV's source."""
    text = getattr(error, "err", "") or str(error)
    return ValueError(f"{text} in {error.func}" if hasattr(error, "func") else text)
