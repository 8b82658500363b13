"""A run that stops when its checks are decided, or when its time is up.

It looks at a subset that stands for all of the golden data, and widens it. How often it
looks, and at how many samples, is planned before anything is seen; only the clock can
shorten the plan. The gate divides its error rate among the looks.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Literal

from harness.core.results import EarlyAnswer, VariantResult
from harness.gate import Look, Spending, is_decided, needed
from harness.pipeline.crews import empty_pass, whole_pass
from harness.pipeline.judging import verdict_on
from harness.pipeline.merging import MergeTree
from harness.run import Deck, whole_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.core.protocols import GoldenSource
    from harness.core.specs import RunOptions, Suite
    from harness.core.tolerances import Calibrated
    from harness.pipeline.comparing import Candidate, Pass
    from harness.pipeline.crews import Crew

    Progress = Callable[[int, int], None]

# The first look is at so many samples, but never at more than this share of all.
_FIRST = 512
_MOST_FIRST = 1 / 8
# Blocks that say something of the whole.
_FEWEST = 8
_MOST_LOOKS = 7
# Beyond this share of all samples a look would save too little.
_MOST_PART = 0.8


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a run may take.

    Attributes:
        seconds: In all; None has it run over all samples.
        all_needed: Whether no check can do with fewer, for there is a baseline.
        begun: When it began, by the clock.
    """

    seconds: float | None
    all_needed: bool
    begun: float

    @classmethod
    def of(cls, options: RunOptions) -> Patience:
        """As the options say, from now on."""
        return cls(options.budget_seconds, options.baseline is not None, monotonic())

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return (self.seconds or 0.0) - (monotonic() - self.begun)


@dataclass(frozen=True, slots=True)
class Gone:
    """What a run has seen.

    Attributes:
        state: What it found.
        look: At which look it stopped; None without a budget.
        early: What the report says of that.
    """

    state: Pass
    look: Look | None = None
    early: EarlyAnswer | None = None

    @property
    def partly(self) -> bool:
        """Whether there are samples that were not seen."""
        return self.look is not None and not self.look.whole


def go_through(
    suite: Suite,
    source: GoldenSource,
    crew: Crew,
    calibrated: Mapping[str, Calibrated],
    patience: Patience,
    progress: Progress | None = None,
) -> Gone:
    """Everyone over the golden data, as far as the budget goes and checks need it.

    Args:
        suite: What was asked.
        source: The golden data.
        crew: Who runs parts of it.
        calibrated: What a lock says of each candidate.
        patience: How long it may take; the first samples are run all the same.
        progress: Told (samples done, samples in all) as it goes on.

    Raises:
        HarnessError: The golden data or the reference fails.
    """
    if patience.seconds is None:
        return Gone(whole_pass(suite, source, crew, calibrated, progress))
    facts = [one.facts for one in crew.standings.values() if one.facts is not None]
    step = whole_batches(source, facts)
    deck = Deck(source.n_samples, step, source.digest)
    state = empty_pass(suite, source, crew.standings, calibrated)
    return _Looks(suite, crew, deck, state, patience).go(progress)


def marks(n_samples: int, rows: int) -> tuple[int, ...]:
    """Blocks that are seen at each look, rising to all of them.

    One look is where what never breaks a rule may pass; the others lie around it in
    steps of 2, or of 4 and more where there would be too many.

    Args:
        n_samples: Samples in all.
        rows: Samples a block.
    """
    n_blocks = math.ceil(n_samples / rows)
    first = math.ceil(min(_FIRST, n_samples * _MOST_FIRST) / rows)
    first = max(first, min(_FEWEST, n_blocks // _FEWEST))
    # The last block may be short.
    middle = min(n_blocks, math.ceil(needed(n_samples) / rows) + 1)
    factor = 1
    found: set[int] = set()
    while not found or len(found) > _MOST_LOOKS:
        factor *= 2
        powers = [factor**power for power in range(n_blocks.bit_length() + 1)]
        around = {middle // power for power in powers}
        around |= {middle * power for power in powers}
        worth = _MOST_PART * n_blocks
        found = {mark for mark in around if first <= mark <= worth} | {n_blocks}
    return tuple(sorted(found))


class _Looks:
    """Looks at more and more samples.

    Args:
        suite: What was asked.
        crew: Who runs parts of the golden data.
        deck: These, in the order in which they are looked at.
        state: A pass that has seen nothing.
        patience: How long it may take.
    """

    def __init__(
        self, suite: Suite, crew: Crew, deck: Deck, state: Pass, patience: Patience
    ) -> None:
        self._suite, self._crew, self._deck = suite, crew, deck
        self._state, self._patience = state, patience
        self._marks = marks(deck.n_samples, deck.rows)
        self._spending = Spending(len(self._marks))
        self._mark = self._seen = self._looks = 0
        # Seconds a sample, in what was seen last.
        self._pace = 0.0

    def go(self, progress: Progress | None) -> Gone:
        """Until every check is decided, or nothing further fits into the time."""
        mark = self._marks[0]
        while mark > self._mark:
            planned = mark in self._marks
            self._see(mark, progress)
            self._looks += 1
            look = self._look(last=not planned)
            if not look.whole and self._decided(look):
                return self._gone("decided")
            mark = self._mark if look.whole or not planned else self._next()
        return self._gone("all" if self._seen == self._deck.n_samples else "time")

    def _see(self, mark: int, progress: Progress | None) -> None:
        started, before = monotonic(), self._seen
        tree = MergeTree()
        spans = self._deck.spans(self._mark, mark)
        for span, part in zip(spans, self._crew.run(spans), strict=True):
            tree.add(part)
            self._seen += span.stop - span.start
            if progress is not None:
                progress(self._seen, self._deck.n_samples)
        self._state = tree.merged_into(self._state)
        self._mark = mark
        self._pace = (monotonic() - started) / (self._seen - before)

    def _look(self, *, last: bool) -> Look:
        ask = self._spending.last if last else self._spending.early
        return ask(self._looks - 1, self._seen, self._deck.n_samples)

    def _next(self) -> int:
        """The next mark, or as far towards it as there is time: here for nowhere."""
        planned = min(mark for mark in self._marks if mark > self._mark)
        steps = range(self._mark, planned + 1)
        room = self._patience.left / self._pace if self._pace else math.inf
        reached = bisect_right(steps, self._seen + room, key=self._deck.n_seen)
        return steps[max(0, reached - 1)]

    def _decided(self, look: Look) -> bool:
        if self._patience.all_needed:
            return False
        everyone = self._state.candidates.values()
        return all(self._is_decided(candidate, look) for candidate in everyone)

    def _is_decided(self, candidate: Candidate, look: Look) -> bool:
        """Who left the pass is, too."""
        compared = candidate.result()
        if compared is None:
            return True
        spec = candidate.spec
        # What the files say is asked once, at the end.
        record = VariantResult(
            *(spec.name, spec.kind, "ran", None, None, "", spec.line),
            *(None, None, None, None, {}, None),
            outputs=compared.outputs,
            labels=compared.labels,
            task=compared.task,
        )
        measured = self._state.calibrated.get(spec.name)
        return is_decided(verdict_on(self._suite, record, look, measured))

    def _gone(self, reason: Literal["all", "decided", "time"]) -> Gone:
        # Nobody looks again: what later looks would have spent is left to this one.
        look = self._look(last=True)
        early = EarlyAnswer(look.seen, look.of, self._looks, reason)
        return Gone(self._state, look, early)
