"""Which layers a number format harms most: those to keep in float first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.core.tensors import FormatHarm

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.core.tensors import FormatRisk, TensorStatistics

# What a note speaks of.
_MUCH_CLIPPED = 1e-3
_MUCH_ZEROED = 0.01
_ADDS_UP = 1.0
_BETTER_BY_CHANNEL = 6.0


def rank_harm(
    statistics: Iterable[TensorStatistics],
    format_: str,
    contribution: Mapping[str, float] | None = None,
) -> tuple[FormatHarm, ...]:
    """Weights by the noise that a number format is expected to bring, worst first.

    Where errors are independent of inputs, an output channel's noise is to its signal
    as its weights' errors are to its weights: p = `FormatRisk.channel_noise`, in power,
    the mean over channels. Errors of one sign add p b^2 / 2 to that, b being
    `FormatRisk.bias_over_noise`, if inputs come from a rectifier: their squared mean is
    about half of their power. Layers in a chain hand on noise as they hand on the
    signal; then powers add, and a layer's share is p c over the sum of all, c being
    what it contributes.

    It needs no data, and orders layers well where some lose many more bits than
    others. It does not see what activations do: their own rounding, channels that are
    never active, noise that a later layer removes. A run with a layer in float decides.

    Args:
        statistics: Described with that format.
        format_: A key of `numeric_formats.FORMATS`.
        contribution: Tensor name -> power of its layer's output that reaches the
            model's, as a share; 1 where it is not named.

    Returns:
        The tensors with channels and rounding errors; others lose nothing or are
        vectors, which runtimes keep in float or in 32 bits.
    """
    shares = contribution or {}
    found = []
    for tensor in statistics:
        by_name = {risk.format: risk for risk in tensor.risks}
        risk = by_name.get(format_)
        if risk is None or not risk.channel_noise or tensor.channels is None:
            continue
        bias = risk.bias_over_noise or 0.0
        relative = risk.channel_noise * (1 + bias * bias / 2)
        power = relative * shares.get(tensor.name, 1.0)
        found.append((power, relative, tensor, _note(tensor, by_name, risk)))
    total = math.fsum(power for power, *_ in found)
    found.sort(key=lambda item: (-item[0], item[2].name))
    return tuple(
        FormatHarm(
            name=tensor.name,
            format=format_,
            noise_share=power / total if total else 0.0,
            relative_noise=math.sqrt(relative),
            note=note,
        )
        for power, relative, tensor, note in found
    )


def _note(
    tensor: TensorStatistics, risks: Mapping[str, FormatRisk], risk: FormatRisk
) -> str | None:
    """The first of the reasons that a reader can do something about."""
    finer = risks.get(f"{risk.format}-channel")
    ratio = tensor.channels.ratio if tensor.channels else None
    if finer is not None and finer.channel_noise and risk.channel_noise and ratio:
        gain = 10 * math.log10(risk.channel_noise / finer.channel_noise)
        if gain >= _BETTER_BY_CHANNEL:
            differ = f"its channels' ranges differ by up to {ratio:.3g}x"
            return f"{differ}: a scale a channel gains {gain:.0f} dB"
    if risk.share_clipped >= _MUCH_CLIPPED:
        return f"{risk.share_clipped:.2%} of its weights are clipped"
    if risk.share_zero >= _MUCH_ZEROED:
        return f"{risk.share_zero:.1%} of its weights become 0"
    if (risk.bias_over_noise or 0) > _ADDS_UP:
        return f"errors of one sign add up along it: {risk.bias:+.2g} a weight"
    return None
