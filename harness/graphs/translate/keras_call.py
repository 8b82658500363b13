"""One call of a Keras layer while it is translated: operands, options, arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core.errors import UnsupportedFormatError
from harness.graphs.translate.words import ACTIVATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness.core.protocols import Array
    from harness.graphs.translate.emitter import Emitter
    from harness.graphs.translate.keras_model import KerasLayer


@dataclass(frozen=True, slots=True, eq=False)
class KerasCall:
    """A layer, and what it is called with.

    Attributes:
        e: Where nodes go.
        layer: It.
        number: Which of its calls.
        operands: Names of the values that it is given by position.
        weights: Its arrays, by word or by number.
        named: Argument -> name of the value, for those that it is given by name.
        inner: Layer inside it -> that one's arrays.
    """

    e: Emitter
    layer: KerasLayer
    number: int
    operands: tuple[str, ...]
    weights: Mapping[str, Array]
    named: Mapping[str, str]
    inner: Callable[[str], Mapping[str, Array]]

    @property
    def x(self) -> str:
        """The only operand."""
        return self.operands[0]

    def get(self, key: str, default: Any = None) -> Any:
        """An option."""
        value = self.layer.config.get(key, default)
        return default if value is None else value

    def pair(self, key: str, n: int, default: int = 1) -> tuple[int, ...]:
        """An option with a number an axis, or one for all of them."""
        value = self.get(key, default)
        numbers = [value] * n if isinstance(value, int) else list(value)
        return tuple(map(int, numbers))

    @property
    def shape(self) -> tuple[int | None, ...] | None:
        """Of the only operand; None where the file does not tell."""
        feeds = self.layer.calls[self.number]
        return (feeds[0].shape if feeds else None) or self.layer.input_shape

    @property
    def shapes(self) -> tuple[tuple[int | None, ...] | None, ...]:
        """Of all operands, those by name after the others."""
        return tuple(feed.shape for feed in self.layer.calls[self.number])

    def said(self, word: str) -> bool:
        """Whether an argument that is no tensor was given, and is not false."""
        said = self.layer.said
        return bool(self.number < len(said) and said[self.number].get(word))

    @property
    def rank(self) -> int:
        """Axes of the only operand.

        Raises:
            UnsupportedFormatError: The file does not tell.
        """
        if self.shape is None:
            raise self.refused("the file does not tell the shape of its input")
        return len(self.shape)

    @property
    def channels_come_first(self) -> bool:
        """Whether its operand is (N, C, spatial...)."""
        return bool(self.get("data_format", "channels_last") == "channels_first")

    def with_channels_last(self, x: str) -> KerasCall:
        """The same layer, called with its operand transposed.

        Args:
            x: Name of the operand, (N, spatial..., C).
        """
        feeds = self.layer.calls[self.number]
        calls = list(self.layer.calls)
        calls[self.number] = tuple(replace(f, shape=_moved(f.shape)) for f in feeds)
        config = {**self.layer.config, "data_format": "channels_last"}
        layer = replace(
            self.layer,
            config=config,
            calls=tuple(calls),
            input_shape=_moved(self.layer.input_shape),
        )
        return replace(self, layer=layer, operands=(x, *self.operands[1:]))

    def array(self, word: str, order: Sequence[str]) -> Array | None:
        """An array of the layer.

        Args:
            word: What Keras calls it.
            order: Words of all arrays that this layer has, as Keras numbers them.
        """
        number = str(list(order).index(word)) if word in order else ""
        found = self.weights.get(word, self.weights.get(number))
        return None if found is None else np.asarray(found)

    def constant(self, word: str, array: Array) -> str:
        """An array as an initializer, named after the layer."""
        return self.e.constant(array, f"{self.layer.name}/{word}")

    def activated(self, x: str, key: str = "activation") -> str:
        """`x` behind the layer's activation."""
        return self.activation(self.get(key, "linear"), x)

    def activation(self, told: Any, x: str) -> str:
        """`x` behind an activation, by its name or its configuration."""
        if isinstance(told, dict):
            inner = told.get("config")
            if told.get("class_name") == "LeakyReLU" and isinstance(inner, dict):
                return leaky(self.e, x, inner)
            told = inner
        if not isinstance(told, str) or told not in ACTIVATIONS:
            raise self.refused(f"its activation is {told!r}")
        return ACTIVATIONS[told](self.e, x)

    def refused(self, why: str) -> UnsupportedFormatError:
        """What is raised where this one cannot be translated."""
        return UnsupportedFormatError(
            f"{self.layer.kind} {self.layer.name!r} is not translated: {why}",
            hint="its graph is left out of the diagnosis; its answers are compared",
        )


def _moved(shape: tuple[int | None, ...] | None) -> tuple[int | None, ...] | None:
    """(N, C, spatial...) -> (N, spatial..., C)."""
    return shape and (shape[0], *shape[2:], shape[1])


def leaky(e: Emitter, x: str, config: Mapping[str, Any]) -> str:
    """Keras 3 says negative_slope, Keras 2 alpha; 0.3 where nobody does."""
    slope = config.get("negative_slope", config.get("alpha", 0.3))
    return e.emit("LeakyRelu", x, alpha=float(slope))
