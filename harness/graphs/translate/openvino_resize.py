"""OpenVINO's Interpolate, in its three versions, as Resize."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.graphs.translate.openvino_call import IrCall

_LINEAR = frozenset({"linear", "linear_onnx"})
_PLACES = frozenset({"half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"})
_ROUNDINGS = frozenset({"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"})
_OLD = 4
_NEW = 11


def resized(call: IrCall) -> str:
    """A Resize.

    Raises:
        UnsupportedFormatError: It samples in a way that ONNX does not have.
    """
    if any(call.integers("pads_begin")) or any(call.integers("pads_end")):
        raise call.refused("it pads")
    if call.flag("antialias"):
        raise call.refused("it smooths before it samples")
    axes = _axes(call)
    if call.version < _OLD:
        told = _sampled_of_old(call)
        return call.e.emit("Resize", call.x, "", "", _sizes(call, axes), **told)
    told = _sampled(call)
    if call.text("shape_calculation_mode") == "scales":
        return call.e.emit("Resize", call.x, "", _scales(call, axes), **told)
    return call.e.emit("Resize", call.x, "", "", _sizes(call, axes), **told)


def _axes(call: IrCall) -> tuple[int, ...]:
    rank = call.rank()
    if call.version < _OLD:
        return call.integers("axes")
    at = 2 if call.version >= _NEW else 3
    axes = call.numbers(at) if call.has(at) else tuple(range(rank))
    return tuple(axis + rank if axis < 0 else axis for axis in axes)


def _sampled_of_old(call: IrCall) -> dict[str, Any]:
    mode = call.text("mode")
    if mode not in {"linear", "nearest"}:
        raise call.refused(f"it samples by {mode}")
    corners = call.flag("align_corners", default=True)
    place = "align_corners" if corners and mode == "linear" else "asymmetric"
    told = {"mode": mode, "coordinate_transformation_mode": place}
    return told if mode == "linear" else {**told, "nearest_mode": "floor"}


def _sampled(call: IrCall) -> dict[str, Any]:
    """Of version 4 and 11."""
    mode = call.text("mode")
    place = call.text("coordinate_transformation_mode", "half_pixel")
    if mode == "nearest":
        return _nearest(call, place)
    if place not in _PLACES or mode not in {*_LINEAR, "cubic"}:
        raise call.refused(f"it samples by {mode}, at {place}")
    told: dict[str, Any] = {"coordinate_transformation_mode": place}
    if mode == "cubic":
        coefficient = call.real("cube_coeff", -0.75)
        return {**told, "mode": "cubic", "cubic_coeff_a": coefficient}
    return {**told, "mode": "linear"}


def _nearest(call: IrCall, place: str) -> dict[str, Any]:
    rounding = call.text("nearest_mode", "round_prefer_floor")
    if rounding == "simple":
        rounding = "ceil" if _shrinks(call) else "floor"
    if place == "tf_half_pixel_for_nn" and rounding == "floor":
        # floor((i + 0.5) scale): half_pixel takes the half off again.
        place, rounding = "half_pixel", "round_prefer_ceil"
    if place not in _PLACES or rounding not in _ROUNDINGS:
        raise call.refused(f"it samples the nearest at {place} by {rounding}")
    return {
        "mode": "nearest",
        "coordinate_transformation_mode": place,
        "nearest_mode": rounding,
    }


def _shrinks(call: IrCall) -> bool:
    if call.text("shape_calculation_mode") == "scales":
        return bool(np.any(call.content(_scales_at(call)) < 1))
    axes = _axes(call)
    before = call.lengths()
    after = dict(zip(axes, call.numbers(1), strict=True))
    if any(before[axis] is None for axis in axes):
        raise call.refused("whether it shrinks depends on lengths that are free")
    return any(after[axis] < (before[axis] or 0) for axis in axes)


def _scales_at(call: IrCall) -> int:
    return 1 if call.version >= _NEW else 2


def _scales(call: IrCall, axes: tuple[int, ...]) -> str:
    whole = np.ones(call.rank(), np.float32)
    told = call.content(_scales_at(call)).reshape(-1)
    whole[list(axes)] = told
    return call.e.constant(whole, "scales")


def _sizes(call: IrCall, axes: tuple[int, ...]) -> str:
    """Lengths of all axes; those that stay are asked of the input."""
    e, rank, sizes = call.e, call.rank(), call.longs(1)
    shape = e.emit("Shape", call.x)
    if axes == tuple(range(rank)):
        return sizes
    if axes == tuple(range(rank - len(axes), rank)):
        kept = e.emit("Slice", shape, e.ints([0]), e.ints([rank - len(axes)]))
        return e.emit("Concat", kept, sizes, axis=0)
    return e.emit("ScatterElements", shape, e.ints(axes), sizes, axis=0)


def _grid(call: IrCall) -> str:
    told = {"mode": call.text("mode", "bilinear")}
    told["padding_mode"] = call.text("padding_mode", "zeros")
    corners = int(call.flag("align_corners"))
    return call.e.emit(
        "GridSample", call.x, call.name(1), align_corners=corners, **told
    )


RESIZES: dict[str, Callable[[IrCall], str | tuple[str, ...]]] = {
    "GridSample": _grid,
    "Interpolate": resized,
}
