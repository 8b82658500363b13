"""Weight statistics as a pandas frame."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from harness.core.tensors import TensorDrift, TensorStatistics

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from harness.core.tensors import WeightComparison

# Records within the record: they become columns of their own, or none.
_NESTED = frozenset({"quantiles", "histogram", "octaves", "channels", "risks"})
_RISKS = (
    *("sqnr_db", "max_abs_error", "share_zero", "share_subnormal", "share_clipped"),
    *("entropy_bits", "effective_bits", "n_codes_used", "bias", "bias_over_noise"),
    *("channel_noise", "worst_channel_sqnr_db"),
)
_DRIFT = tuple(f"drift.{f.name}" for f in fields(TensorDrift) if f.name != "name")


def weights_frame(
    statistics: Iterable[TensorStatistics], comparison: WeightComparison | None = None
) -> pd.DataFrame:
    """A row a tensor, in the order given, indexed by name.

    Columns are the fields of `TensorStatistics` (histograms left out), ``q0.01`` and
    so on for quantiles, ``channels``, ``channel_ratio`` and ``channel_axis``, and
    ``<format>.sqnr_db`` and so on for each number format that was tried. With a
    comparison, ``drift.reference_name``, ``drift.sqnr_db`` and so on follow, empty for
    tensors without a match; matches that are no tensor of their own, such as a sum of
    two, are rows at the end.
    """
    import pandas as pd

    plain = [f.name for f in fields(TensorStatistics) if f.name not in _NESTED]
    rows = [_row(tensor, plain) for tensor in statistics]
    # Of a tensor alone in having a column, that column stands last.
    columns = dict.fromkeys(plain) | dict.fromkeys(key for row in rows for key in row)
    frame = pd.DataFrame(rows, columns=list(columns)).set_index("name")
    if comparison is None:
        return frame
    drift = pd.DataFrame(map(_drift, comparison.drift), columns=["name", *_DRIFT])
    # A tensor that is a part of several matches is told by the worst, the first.
    drift = drift.drop_duplicates("name").set_index("name")
    if frame.index.is_unique:
        frame = frame.reindex(list(dict.fromkeys([*frame.index, *drift.index])))
    return frame.join(drift)


def _drift(found: TensorDrift) -> dict[str, Any]:
    told = {f"drift.{f.name}": getattr(found, f.name) for f in fields(TensorDrift)}
    return {"name": told.pop("drift.name"), **told}


def _row(tensor: TensorStatistics, plain: Iterable[str]) -> dict[str, Any]:
    row = {name: getattr(tensor, name) for name in plain}
    row |= {f"q{share}": value for share, value in tensor.quantiles.items()}
    if tensor.channels is not None:
        row |= {
            "channels": tensor.channels.n,
            "channel_axis": tensor.channels.axis,
            "channel_ratio": tensor.channels.ratio,
        }
    for risk in tensor.risks:
        row |= {f"{risk.format}.{name}": getattr(risk, name) for name in _RISKS}
    return row
