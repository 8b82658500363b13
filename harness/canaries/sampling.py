"""Canaries of Resize and DepthToSpace: which elements a place is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.canaries.specimen import Specimen, Trial, node, trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Array, FloatArray

_ROW = np.array([3, -1, 4, 1, -5, 9, 2, -6], np.float32)


def _resize(expected: Array, **attributes: Any) -> Trial:
    """One row of eight elements, resized to the length of what is expected."""
    fed = _ROW.reshape(1, 1, 1, -1)
    right = np.asarray(expected, np.float32).reshape(1, 1, 1, -1)
    constants = {"sizes": np.array(right.shape, np.int64)}
    nodes = [node("Resize", "x - - sizes", **attributes)]
    return trial(nodes, {"x": fed}, right, constants)


def _half_pixel(length: int) -> FloatArray:
    """Where places of the output lie among elements of the input."""
    return (np.arange(length) + 0.5) * len(_ROW) / length - 0.5


def _take(places: Array) -> Array:
    taken: Array = _ROW[np.clip(places.astype(int), 0, len(_ROW) - 1)]
    return taken


def _nearest(length: int, mode: str, places: FloatArray) -> Trial:
    rounded = np.floor(places)
    if mode == "round_prefer_floor":
        rounded = np.ceil(places - 0.5)
    if mode == "round_prefer_ceil":
        rounded = np.floor(places + 0.5)
    where = "half_pixel" if length != 10 else "asymmetric"
    return _resize(
        _take(rounded),
        mode="nearest",
        nearest_mode=mode,
        coordinate_transformation_mode=where,
    )


def _linear(length: int, mode: str) -> Trial:
    places = _half_pixel(length)
    if mode == "align_corners":
        places = np.linspace(0, len(_ROW) - 1, length)
    if mode == "pytorch_half_pixel" and length == 1:
        places = np.zeros(1)
    expected = np.interp(places, np.arange(len(_ROW)), _ROW)
    return _resize(expected, mode="linear", coordinate_transformation_mode=mode)


def _cubic(a: float) -> Trial:
    """Keys' kernel (1981) over four neighbours, the edge repeated."""
    places = _half_pixel(12)
    base = np.floor(places)
    total = np.zeros(12)
    for step in (-1, 0, 1, 2):
        far = np.abs(places - base - step)
        near = ((a + 2) * far - (a + 3)) * far * far + 1
        outer = ((a * far - 5 * a) * far + 8 * a) * far - 4 * a
        total += np.where(far <= 1, near, outer) * _take(base + step)
    return _resize(total, mode="cubic", cubic_coeff_a=a)


def _antialiased() -> Trial:
    """Halved with a triangle as wide as what is left out, the edge repeated."""
    places = _half_pixel(4)
    reached = np.arange(-2, len(_ROW) + 2)
    far = np.abs(places[:, None] - reached) / 2
    weights = np.maximum(0, 1 - far)
    weights /= weights.sum(1, keepdims=True)
    return _resize(weights @ _take(reached), mode="linear", antialias=1)


def _depth_to_space(mode: str) -> Trial:
    fed = np.arange(32, dtype=np.float32).reshape(1, 8, 2, 2)
    parts = fed.reshape(1, 2, 2, 2, 2, 2)
    orders = {"DCR": (0, 3, 4, 1, 5, 2), "CRD": (0, 1, 4, 2, 5, 3)}
    expected = parts.transpose(orders[mode]).reshape(1, 2, 4, 4)
    return trial(
        [node("DepthToSpace", "x", blocksize=2, mode=mode)], {"x": fed}, expected
    )


def _made(build: Callable[..., Trial], *arguments: object) -> Callable[[], Trial]:
    return lambda: build(*arguments)


SAMPLING = (
    Specimen(
        "Resize nearest, ties down",
        "elements halfway are taken from the other side",
        _made(_nearest, 4, "round_prefer_floor", _half_pixel(4)),
    ),
    Specimen(
        "Resize nearest, ties up",
        "elements halfway are taken from the other side",
        _made(_nearest, 4, "round_prefer_ceil", _half_pixel(4)),
    ),
    Specimen(
        "Resize nearest, asymmetric floor",
        "enlarging by 1.25 repeats other elements",
        _made(_nearest, 10, "floor", np.arange(10) * 0.8),
    ),
    Specimen(
        "Resize linear, half_pixel",
        "the image is shifted by half a pixel",
        _made(_linear, 12, "half_pixel"),
    ),
    Specimen(
        "Resize linear, align_corners",
        "corners are not kept",
        _made(_linear, 12, "align_corners"),
    ),
    Specimen(
        "Resize pytorch_half_pixel to length 1",
        "the middle is taken where PyTorch takes the first element",
        _made(_linear, 1, "pytorch_half_pixel"),
    ),
    Specimen(
        "Resize cubic, -0.75",
        "another kernel: more or less ringing at edges",
        _made(_cubic, -0.75),
    ),
    Specimen(
        "Resize cubic, -0.5",
        "another kernel: more or less ringing at edges",
        _made(_cubic, -0.5),
    ),
    Specimen(
        "Resize antialias",
        "making an image smaller leaves elements out",
        _antialiased,
    ),
    Specimen(
        "DepthToSpace DCR",
        "channels and space are mixed in another order",
        _made(_depth_to_space, "DCR"),
    ),
    Specimen(
        "DepthToSpace CRD",
        "channels and space are mixed in another order",
        _made(_depth_to_space, "CRD"),
    ),
)
