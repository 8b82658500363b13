"""What holds for every ``torch.nn.Module``, scripted or not."""

from __future__ import annotations

from typing import Any


def evaluating(module: Any) -> dict[str, str]:
    """Put a module into evaluation mode; for the record, what had to be put."""
    training = [
        name or "the model"
        for name, part in module.named_modules()
        if getattr(part, "training", False)
    ]
    module.eval()
    if not training:
        return {}
    more = f" and {len(training) - 1} more" if len(training) > 1 else ""
    return {"training_mode": f"switched off in {training[0]}{more}"}
