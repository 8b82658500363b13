from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness.backends.onnx_pieces import run_graph
from harness.comparison import distance
from harness.core.errors import InferenceError
from harness.diagnose import DriftQuestion, diagnose

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("ant", "bee", "cat", "dog", "eel")
node = helper.make_node


def _normal(*shape, seed, scale=0.4):
    values = np.random.default_rng(seed).normal(0, scale, shape)
    return values.astype(np.float32)


def _weights():
    made = {
        "w1": _normal(8, 1, 3, 3, seed=1),
        "b1": _normal(8, seed=2),
        "w2": _normal(10, 8, 3, 3, seed=3, scale=0.1),
        "b2": _normal(10, seed=4),
        "w3": _normal(40, 12, seed=5, scale=0.06),
        "b3": _normal(12, seed=6),
        "w4": _normal(12, 5, seed=7, scale=0.4),
        "b4": _normal(5, seed=8),
    }
    for i, (norm, channels) in enumerate((("n1", 8), ("n2", 10))):
        made[f"{norm}_gamma"] = 1 + _normal(channels, seed=10 + i, scale=0.2)
        made[f"{norm}_beta"] = _normal(channels, seed=20 + i)
        made[f"{norm}_mean"] = _normal(channels, seed=30 + i)
        variance = np.random.default_rng(40 + i).uniform(0.02, 0.6, channels)
        made[f"{norm}_variance"] = variance.astype(np.float32)
    return made


@dataclass
class Net:
    """conv1 relu norm1, conv2 (stride 2) norm2 relu, pool flatten dense last softmax.

    `norms`: batch norm nodes, Mul and Add ("affine"), or norm2 "folded" into conv2.
    """

    pads: tuple | str = (0, 0, 1, 1)
    pad_node: bool = False
    epsilon: float = 1e-3
    norms: str = "nodes"
    channels_last: bool = True
    gemm: bool = True
    named: bool = True
    fp16: bool = False
    weights: dict = field(default_factory=_weights)

    def with_weight(self, name, values):
        self.weights = {**self.weights, name: np.asarray(values, np.float32)}
        return self

    def model(self):
        nodes, arrays = [], {}
        self._conv1(nodes, arrays)
        self._conv2(nodes, arrays)
        self._dense(nodes, arrays)
        if self.fp16:
            arrays = {k: self._half(a) for k, a in arrays.items()}
            nodes.insert(0, node("Cast", ["image"], ["x"], to=TensorProto.FLOAT16))
            nodes[-1].output[0] = "half"
            nodes.append(node("Cast", ["half"], ["scores"], to=TensorProto.FLOAT))
        for i, item in enumerate(nodes):
            item.name = f"{item.op_type.lower()}_{i}" if self.named else ""
        for name, item in self.labels(nodes):
            item.name = name if self.named else ""
        return self._wrapped(nodes, arrays)

    def labels(self, nodes):
        by_output = {item.output[0]: item for item in nodes}
        places = {"conv1": "c1", "norm1": "m1", "conv2": "c2", "norm2": "m2"}
        places |= {"dense": "d", "last": "z"}
        return [
            (name, by_output[out]) for name, out in places.items() if out in by_output
        ]

    @staticmethod
    def _half(array):
        return array.astype(np.float16) if array.dtype == np.float32 else array

    def _norm(self, norm, source, nodes, arrays):
        parts = [
            self.weights[f"{norm}_{k}"] for k in ("gamma", "beta", "mean", "variance")
        ]
        output = f"m{norm[1]}"
        if self.norms == "nodes":
            names = [f"{norm}_{k}" for k in ("gamma", "beta", "mean", "variance")]
            arrays.update(zip(names, parts, strict=True))
            made = [source, *names]
            nodes.append(
                node("BatchNormalization", made, [output], epsilon=self.epsilon)
            )
            return output
        gain, offset = self._affine(norm)
        arrays[f"{norm}_gain"] = gain.reshape(1, -1, 1, 1)
        arrays[f"{norm}_offset"] = offset.reshape(-1, 1, 1)
        nodes.append(node("Mul", [source, f"{norm}_gain"], [output]))
        nodes.append(node("Add", [output, f"{norm}_offset"], [f"{output}_shifted"]))
        return f"{output}_shifted"

    def _affine(self, norm):
        g, b, m, v = (
            self.weights[f"{norm}_{k}"] for k in ("gamma", "beta", "mean", "variance")
        )
        gain = g / np.sqrt(v + np.float32(self.epsilon))
        return gain.astype(np.float32), (b - m * gain).astype(np.float32)

    def _conv1(self, nodes, arrays):
        arrays.update(w1=self.weights["w1"], b1=self.weights["b1"])
        source = "x" if self.fp16 else "image"
        nodes.append(node("Conv", [source, "w1", "b1"], ["c1"], pads=[1] * 4))
        nodes.append(node("Relu", ["c1"], ["r1"]))
        nodes.append(node("Identity", [self._norm("n1", "r1", nodes, arrays)], ["h1"]))

    def _conv2(self, nodes, arrays):
        weight, bias = self.weights["w2"], self.weights["b2"]
        if self.norms == "folded":
            gain, offset = self._affine("n2")
            weight, bias = weight * gain.reshape(-1, 1, 1, 1), bias * gain + offset
        arrays.update(w2=weight, b2=bias)
        source, padding = "h1", {"pads": self.pads}
        if isinstance(self.pads, str):
            padding = {"auto_pad": self.pads}
        if self.pad_node:
            top, left, bottom, right = self.pads
            arrays["amounts"] = np.array([0, 0, top, left, 0, 0, bottom, right])
            nodes.append(node("Pad", ["h1", "amounts"], ["padded"]))
            source, padding = "padded", {}
        nodes.append(
            node("Conv", [source, "w2", "b2"], ["c2"], strides=[2, 2], **padding)
        )
        made = "c2" if self.norms == "folded" else self._norm("n2", "c2", nodes, arrays)
        nodes.append(node("Relu", [made], ["r2"]))

    def _dense(self, nodes, arrays):
        steps = {"kernel_shape": [2, 2], "strides": [2, 2]}
        nodes.append(node("MaxPool", ["r2"], ["p"], **steps))
        flat = "p"
        if self.channels_last:
            nodes.append(node("Transpose", ["p"], ["t"], perm=[0, 2, 3, 1]))
            flat = "t"
        nodes.append(node("Flatten", [flat], ["f"]))
        arrays.update({k: self.weights[k] for k in ("w3", "b3", "w4", "b4")})
        if self.gemm:
            nodes.append(node("Gemm", ["f", "w3", "b3"], ["d"]))
        else:
            nodes.append(node("MatMul", ["f", "w3"], ["d_only"]))
            nodes.append(node("Add", ["d_only", "b3"], ["d"]))
        nodes.append(node("Relu", ["d"], ["r3"]))
        nodes.append(node("Gemm", ["r3", "w4", "b4"], ["z"]))
        nodes.append(node("Softmax", ["z"], ["scores"], axis=-1))

    def _wrapped(self, nodes, arrays):
        graph = helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 8, 8])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 5])],
            [numpy_helper.from_array(np.asarray(a), k) for k, a in arrays.items()],
        )
        imports = [helper.make_opsetid("", 18)]
        return helper.make_model(graph, opset_imports=imports, ir_version=9)


@pytest.fixture
def net():
    """A small network; its keywords plant faults or rewrite it."""
    return Net


IMAGES = _normal(32, 1, 8, 8, seed=99, scale=1.0)


def run(model: bytes):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options)
    (feed,) = session.get_inputs()
    return session.run(None, {feed.name: IMAGES})[0]


FED = {
    "reference_feeds": {"image": IMAGES},
    "candidate_feeds": {"image": IMAGES},
    "run_graph": run_graph,
}


@pytest.fixture
def ask(diagnosis):
    """The findings of a candidate against a reference, both ONNX models."""

    def asked(*models, **options):
        return diagnosis(*models, **options).findings

    return asked


@pytest.fixture(params=["values", "files"])
def mode(request):
    """With a runtime for pieces of the models, and from their files alone."""
    return request.param


@pytest.fixture
def diagnosis(tmp_path: Path, mode):
    """Diagnose a candidate against a reference, both ONNX models."""

    def asked(reference, candidate, *, provable=True, noise=0.0):
        paths = [tmp_path / "reference.onnx", tmp_path / "candidate.onnx"]
        for path, model in zip(paths, (reference, candidate), strict=True):
            onnx.save(model, path)
        ours = {"scores": run(paths[0].read_bytes())}
        theirs = {"scores": run(paths[1].read_bytes()) + np.float32(noise)}

        def rerun(model: bytes):
            return distance(ours, {"scores": run(model)}, CLASSES)

        feeds = {} if mode == "files" else FED
        return diagnose(
            DriftQuestion(
                variant="candidate",
                reference_model=paths[0],
                candidate_model=paths[1],
                reference_outputs=ours,
                candidate_outputs=theirs,
                class_names=CLASSES,
                rerun=rerun if provable else None,
                **feeds,
            )
        )

    return asked


ROWS = {"x": np.random.default_rng(12).normal(0, 2, (24, 8)).astype(np.float32)}


@pytest.fixture
def told():
    """The findings of a candidate against a reference, both from x to y."""

    def asked(reference, candidate, feeds=ROWS):
        ours, theirs = (_answers(m, feeds) for m in (reference, candidate))

        def rerun(model):
            try:
                made = run_graph(model, feeds, ["y"])
            except Exception as error:  # what the runtime has against an edited model
                raise InferenceError(str(error), hint="it does not run") from error
            return distance(ours, made)

        question = DriftQuestion(
            variant="candidate",
            reference_model=reference.SerializeToString(),
            candidate_model=candidate.SerializeToString(),
            reference_outputs=ours,
            candidate_outputs=theirs,
            rerun=rerun,
            reference_feeds=feeds,
            candidate_feeds=feeds,
            run_graph=run_graph,
        )
        return diagnose(question).findings

    return asked


def _answers(model, feeds):
    return run_graph(model.SerializeToString(), feeds, ["y"])
