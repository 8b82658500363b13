"""Keras' MultiHeadAttention, as ONNX.

Heads of softmax(q k^T / sqrt(key_dim)) v, as keras/src/layers/attention computes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.protocols import Array
    from harness.graphs.translate.keras_call import KerasCall

_WORDS = ("kernel", "bias")
_ROWS = {"query": 0, "value": 1, "key": 2}
# Options that compute something else where they are said.
_OTHER = ("use_gate", "sliding_window")
_MASKS = ("query_mask", "value_mask", "key_mask", "attention_mask")


def _attention(call: KerasCall) -> str:
    _require_plain(call)
    e = call.e
    value = _operand(call, "value") or _refuse(call, "it has no value")
    query = _operand(call, "query") or _refuse(call, "it has no query")
    key = _operand(call, "key") or value
    heads = e.emit("Transpose", _projected(call, "query", query), perm=[0, 2, 1, 3])
    keys = e.emit("Transpose", _projected(call, "key", key), perm=[0, 2, 3, 1])
    values = e.emit("Transpose", _projected(call, "value", value), perm=[0, 2, 1, 3])
    scale = e.scalar(1.0 / float(np.sqrt(int(call.get("key_dim")))))
    scores = e.emit("MatMul", e.emit("Mul", heads, scale), keys)
    if call.said("use_causal_mask"):
        scores = e.emit("Add", scores, call.constant("causal_mask", _causal(call)))
    mixed = e.emit("MatMul", e.emit("Softmax", scores, axis=-1), values)
    mixed = e.emit("Transpose", mixed, perm=[0, 2, 1, 3])
    kernel, bias = _arrays(call, "attention_output")
    width = kernel.shape[0] * kernel.shape[1]
    flat = e.emit("Reshape", mixed, e.ints([0, 0, width]))
    weights = call.constant("attention_output/kernel", kernel.reshape(width, -1))
    done = e.emit("MatMul", flat, weights)
    if bias is None:
        return done
    return e.emit("Add", done, call.constant("attention_output/bias", bias))


def _require_plain(call: KerasCall) -> None:
    if any(shape is None or len(shape) != 3 for shape in call.shapes):
        raise call.refused("it attends over more than one axis, or nobody says")
    axes = call.get("attention_axes", [1])
    if (axes if isinstance(axes, int) else list(axes)) not in ([1], 1):
        raise call.refused(f"it attends over the axes {axes}")
    unusual = [word for word in _OTHER if call.get(word)]
    unusual += [word for word in _MASKS if word in call.named]
    unusual += [k for k in ("return_attention_scores", "training") if call.said(k)]
    if unusual or len(call.operands) > len(_ROWS):
        raise call.refused(f"it has {', '.join(unusual) or 'a mask'}")


def _operand(call: KerasCall, word: str) -> str | None:
    place = _ROWS[word]
    if place < len(call.operands):
        return call.operands[place]
    return call.named.get(word)


def _refuse(call: KerasCall, why: str) -> str:
    raise call.refused(why)


def _projected(call: KerasCall, word: str, x: str) -> str:
    """(N, T, D) by (D, heads, units): (N, T, heads, units)."""
    kernel, bias = _arrays(call, word)
    e, (width, heads, units) = call.e, kernel.shape
    weights = call.constant(f"{word}/kernel", kernel.reshape(width, heads * units))
    done = e.emit("MatMul", x, weights)
    if bias is not None:
        done = e.emit("Add", done, call.constant(f"{word}/bias", bias.reshape(-1)))
    return e.emit("Reshape", done, e.ints([0, 0, heads, units]))


def _arrays(call: KerasCall, word: str) -> tuple[Array, Array | None]:
    found = call.inner(word)
    kernel, bias = (found.get(w, found.get(str(i))) for i, w in enumerate(_WORDS))
    if kernel is None or kernel.ndim != 3:
        raise call.refused(f"the file has no kernel of its {word}")
    return np.asarray(kernel), None if bias is None else np.asarray(bias)


def _causal(call: KerasCall) -> Array:
    """Large and negative where a key comes after the query."""
    rows, *rest = (shape[1] if shape else None for shape in call.shapes)
    columns = rest[0] if rest else rows
    if rows is None or columns is None:
        raise call.refused("it masks what comes later, and its length is free")
    seen = np.tril(np.ones((rows, columns), bool))
    return np.where(seen, 0.0, -3e4).astype(np.float32)


ATTENTION: dict[str, Callable[[KerasCall], str]] = {"MultiHeadAttention": _attention}
