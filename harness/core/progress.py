"""How far a run is, for whoever watches it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

Progress: TypeAlias = Callable[[int, int], None]
"""Told (done, in all) as a run goes on."""


@runtime_checkable
class Staged(Protocol):
    """Progress that can also be told what is done where nothing is counted."""

    def __call__(self, done: int, total: int) -> None:
        """Take note of how much is done."""

    def stage(self, text: str) -> None:
        """Take note of what is done now."""


def enter(progress: Progress | None, stage: str) -> None:
    """Tell of a stage, where somebody listens to stages.

    Args:
        progress: What a run was given; plain callables are told of counts alone.
        stage: In a few words: ``looking for causes in int8``.
    """
    if isinstance(progress, Staged):
        progress.stage(stage)
