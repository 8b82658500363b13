"""A module's operators as they run: loops and branches on shapes leave no trace.

The module is called with tensors that have shapes and no numbers. A branch on numbers
cannot be taken so, and is an error: its graph would be that of some samples only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_aten = torch.ops.aten


def followed(
    call: Callable[..., Sequence[Any]],
    fed: Mapping[str, Any],
    free: Mapping[str, Mapping[int, str]],
) -> Any:
    """What a function runs on tensors of these shapes, as an exported program.

    Args:
        call: Takes the tensors in their order.
        fed: Name -> tensor; shapes and dtypes count.
        free: Name -> axes of any length, and what they are called. They stay free
            where no operator was given their length.

    Raises:
        Exception: Whatever PyTorch raises: it branches on numbers, for one.
    """
    given = tuple(fed.values())
    # Before PyTorch takes layers apart into what its kernels do.
    traced = make_fx(
        call,
        decomposition_table=_WHOLE,
        tracing_mode="fake",
        pre_dispatch=True,
        _allow_non_fake_inputs=True,
    )(*given)
    # A length that was asked for to no end would still be a given one.
    traced.graph.eliminate_dead_code()
    traced.recompile()
    axes = {name: torch.export.Dim(name, min=1) for name in _names(free)}
    shapes = tuple({a: axes[n] for a, n in free[k].items()} for k in fed)
    try:
        return torch.export.export(traced, given, dynamic_shapes=shapes)
    except (RuntimeError, ValueError):
        return torch.export.export(traced, given)


def _names(free: Mapping[str, Mapping[int, str]]) -> set[str]:
    return {name for axes in free.values() for name in axes.values()}


class _Attention(NamedTuple):
    """What ``aten::_native_multi_head_attention`` takes, in its order."""

    query: Any
    key: Any
    value: Any
    embed_dim: int
    num_heads: int
    qkv_weight: Any
    qkv_bias: Any
    proj_weight: Any
    proj_bias: Any
    mask: Any = None
    need_weights: bool = True
    average_weights: bool = True
    mask_type: int | None = None


class _Layer(NamedTuple):
    """What ``aten::_transformer_encoder_layer_fwd`` takes, in its order."""

    src: Any
    embed_dim: int
    num_heads: int
    qkv_weight: Any
    qkv_bias: Any
    proj_weight: Any
    proj_bias: Any
    use_gelu: bool
    norm_first: bool
    eps: float
    norm_weight_1: Any
    norm_bias_1: Any
    norm_weight_2: Any
    norm_bias_2: Any
    ffn_weight_1: Any
    ffn_bias_1: Any
    ffn_weight_2: Any
    ffn_bias_2: Any
    mask: Any = None
    mask_type: int | None = None

    def attend(self, x: Any) -> Any:
        """Self-attention."""
        sizes = (self.embed_dim, self.num_heads)
        weights = (self.qkv_weight, self.qkv_bias, self.proj_weight, self.proj_bias)
        asked = _Attention(x, x, x, *sizes, *weights, mask=self.mask)
        return _mixed(asked._replace(mask_type=self.mask_type))

    def feed(self, x: Any) -> Any:
        """The two dense layers."""
        inner = functional.linear(x, self.ffn_weight_1, self.ffn_bias_1)
        inner = functional.gelu(inner) if self.use_gelu else functional.relu(inner)
        return functional.linear(inner, self.ffn_weight_2, self.ffn_bias_2)

    def norm_1(self, x: Any) -> Any:
        """The norm of the attention."""
        return self._norm(x, self.norm_weight_1, self.norm_bias_1)

    def norm_2(self, x: Any) -> Any:
        """The norm of the dense layers."""
        return self._norm(x, self.norm_weight_2, self.norm_bias_2)

    def _norm(self, x: Any, weight: Any, bias: Any) -> Any:
        return functional.layer_norm(x, (self.embed_dim,), weight, bias, self.eps)


def _encoder_layer(*given: Any) -> Any:
    """A transformer's encoder layer, as nn.TransformerEncoderLayer says it.

    It is one operator in evaluation mode without gradients.
    """
    layer = _Layer(*given)
    x = layer.src
    if layer.norm_first:
        x = x + layer.attend(layer.norm_1(x))
        return x + layer.feed(layer.norm_2(x))
    x = layer.norm_1(x + layer.attend(x))
    return layer.norm_2(x + layer.feed(x))


def _attention(*given: Any) -> Any:
    """Self-attention alone; of its weights as an answer nothing is said."""
    asked = _Attention(*given)
    alone = asked.query is asked.key is asked.value
    if asked.need_weights or not alone:
        raise NotImplementedError("attention over another input, or with its weights")
    return _mixed(asked), asked.query.new_empty(0)


def _mixed(asked: _Attention) -> Any:
    # No length but the heads' is written down, so that others stay free.
    parts = functional.linear(asked.query, asked.qkv_weight, asked.qkv_bias)
    heads = (asked.num_heads, asked.embed_dim // asked.num_heads)
    split = (part.unflatten(-1, heads) for part in parts.chunk(3, -1))
    query, key, value = (part.transpose(1, 2) for part in split)
    scores = query @ key.transpose(-2, -1) / heads[1] ** 0.5
    if asked.mask is not None:
        mask = asked.mask.bool()  # True is left out
        padding = asked.mask_type == 1
        mask = mask[:, None, None, :] if padding else mask
        scores = scores.masked_fill(mask, float("-inf"))
    mixed = (scores.softmax(-1) @ value).transpose(1, 2).flatten(-2)
    return functional.linear(mixed, asked.proj_weight, asked.proj_bias)


def _convolution(*given: Any) -> Any:
    """As traces have it: what follows the ninth chooses a kernel."""
    return _aten.convolution.default(*given[:9])


def _convolution_mode(x: Any, *given: Any) -> Any:
    """Padding by a word."""
    convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[x.dim() - 3]
    return convolve(x, *given)


# Operators that no exporter knows, most of them for whole layers, as what they do.
_WHOLE = {
    getattr(_aten, name).default: meaning
    for name, meaning in (
        ("_convolution", _convolution),
        ("_convolution_mode", _convolution_mode),
        ("_native_multi_head_attention", _attention),
        ("_transformer_encoder_layer_fwd", _encoder_layer),
    )
}
