"""What runs here: backends and their versions, CPU features, runtime canaries.

A canary is a model of one or two operators whose answer is known by arithmetic. It
tells which known drift *this* installed runtime shows, whatever a table says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from onnx import NodeProto, TensorProto, helper

from harness.backends.onnxruntime_ import open_bytes
from harness.backends.table import BACKENDS, NOTICES
from harness.core.provenance import cpu_flags, package_versions

if TYPE_CHECKING:
    from harness.core.protocols import Array


@dataclass(frozen=True, slots=True)
class BackendHealth:
    """One backend: whether it can run here, and how to get it if not."""

    name: str
    missing: tuple[str, ...]
    hint: str | None


@dataclass(frozen=True, slots=True)
class Canary:
    """One known drift: whether the installed runtime shows it.

    Attributes:
        name: What is looked at.
        drifts: Whether the runtime answers wrongly by default.
        detail: What was expected, what came.
    """

    name: str
    drifts: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Health:
    """Everything `examine` looked at."""

    backends: tuple[BackendHealth, ...]
    versions: dict[str, str]
    cpu_flags: tuple[str, ...]
    canaries: tuple[Canary, ...]

    @property
    def sound(self) -> bool:
        """Whether the backends of the base install are all there."""
        return all(b.hint is None for b in self.backends if b.name in _BASE)


_BASE = ("onnxruntime", "replay")


def examine() -> Health:
    """Look at this machine; loads nothing but onnxruntime."""
    return Health(
        backends=tuple(_backend(name) for name in BACKENDS),
        versions=package_versions(),
        cpu_flags=tuple(cpu_flags()),
        canaries=(_pad_before_max_pool(), _identity()),
    )


def render_health(health: Health) -> str:
    """Plain text for a terminal of 80 columns."""
    lines = ["Backends"]
    for backend in health.backends:
        state = f"not installed: {backend.hint}" if backend.hint else "runs here"
        lines.append(f"  {backend.name:<14} {state}")
    lines += [f"  {notice}" for notice in NOTICES]
    lines.append("Versions")
    lines += [f"  {name:<24} {number}" for name, number in health.versions.items()]
    lines.append("CPU features that change numbers")
    lines.append(f"  {' '.join(health.cpu_flags) or 'unknown'}")
    lines.append("Runtime canaries")
    for canary in health.canaries:
        lines.append(f"  {canary.name}: {'DRIFTS' if canary.drifts else 'sound'}")
        lines.append(f"    {canary.detail}")
    return "\n".join(lines) + "\n"


def _backend(name: str) -> BackendHealth:
    entry = BACKENDS.entry(name)
    missing = entry.missing()
    return BackendHealth(name, missing, entry.install_hint() if missing else None)


def _identity() -> Canary:
    """float32 in, the same float32 out: the least that a runtime must do."""
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    fed = np.linspace(-1, 1, 36, dtype=np.float32).reshape(1, 1, 6, 6)
    got = _run(_model(nodes, (1, 1, 6, 6)), fed, "all")
    drifts = not np.array_equal(got, fed)
    return Canary("Identity", drifts, "float32 comes back bit for bit")


def _pad_before_max_pool() -> Canary:
    """Pad(0) then MaxPool of negative numbers is 0 on the padded border.

    onnxruntime's pad fusion turns the zeros into MaxPool's own padding, which is
    -infinity: the border keeps the negative numbers.
    """
    pads = helper.make_tensor("pads", TensorProto.INT64, [8], [0, 0, 1, 1, 0, 0, 0, 0])
    nodes = [
        helper.make_node("Pad", ["x", "pads"], ["padded"]),
        helper.make_node(
            "MaxPool", ["padded"], ["y"], kernel_shape=[3, 3], strides=[2, 2]
        ),
    ]
    model = _model(nodes, (1, 1, 3, 3), (pads,))
    fed = -np.arange(1, 37, dtype=np.float32).reshape(1, 1, 6, 6)
    expected = _run(model, fed, "disable")
    got = _run(model, fed, "all")
    drifts = not np.array_equal(got, expected)
    detail = f"unoptimized {_row(expected)}, by default {_row(got)}"
    return Canary("Pad folded into MaxPool", drifts, detail)


def _model(
    nodes: list[NodeProto],
    shape: tuple[int, ...],
    constants: tuple[TensorProto, ...] = (),
) -> bytes:
    fed = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 6, 6])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, list(shape))
    graph = helper.make_graph(nodes, "canary", [fed], [answer], list(constants))
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8
    )
    return bytes(model.SerializeToString())


def _run(model: bytes, fed: Array, level: str) -> Array:
    session = open_bytes(model, {"graph_optimization_level": level})
    try:
        return session.run({"x": fed}, slice(0, 1))["y"]
    finally:
        session.close()


def _row(array: Array) -> str:
    return str([float(x) for x in array.ravel()[:3]])
