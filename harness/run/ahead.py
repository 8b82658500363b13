"""Reads the next items while one is in use."""

from __future__ import annotations

from collections import deque
from threading import Condition, Thread
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


def ahead(
    items: Iterator[T], weigh: Callable[[T], int] | None = None, budget: int = 0
) -> Iterator[T]:
    """The same items in the same order, made in a thread before they are asked for.

    Reading and inference release the interpreter's lock, so the one costs no time
    beside the other. One item is made ahead at any rate, and further ones while those
    that wait weigh less than the budget: what comes in bursts, a block of many chunks
    at a time, is then made behind many items and not behind one. The maker waits for
    the user beyond that. What making an item raises is raised where that item would
    have come.

    Args:
        items: Made in the thread alone.
        weigh: Weight of an item, in bytes say; None makes one item ahead.
        budget: Weight that may wait.
    """
    shelf: _Shelf[T] = _Shelf(weigh, budget)
    maker = Thread(target=shelf.fill, args=(items,), name="read-ahead", daemon=True)
    maker.start()
    try:
        yield from shelf
    finally:
        shelf.close()
        maker.join()


class _Shelf(Generic[T]):
    """Items that wait, with room for so much."""

    def __init__(self, weigh: Callable[[T], int] | None, budget: int) -> None:
        self._weigh, self._budget = weigh, budget
        self._waiting: deque[tuple[T, int]] = deque()
        self._held = 0
        self._done = self._closed = False
        self._error: BaseException | None = None
        self._change = Condition()

    def fill(self, items: Iterator[T]) -> None:
        """Make items while there is room, until they end or nobody wants them."""
        try:
            while self._has_room():
                item = next(items)
                self._put(item)
        except StopIteration:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again at its place
            self._error = error
        with self._change:
            self._done = True
            self._change.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._done)
                if not self._waiting:
                    break
                item, weight = self._waiting.popleft()
                self._held -= weight
                self._change.notify_all()
            yield item
            # Nothing keeps what its user is done with.
            del item
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Nobody wants more."""
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _has_room(self) -> bool:
        """Wait for room; whether anybody still wants items."""
        with self._change:
            self._change.wait_for(
                lambda: self._closed or not self._waiting or self._held < self._budget
            )
            return not self._closed

    def _put(self, item: T) -> None:
        weight = 0 if self._weigh is None else self._weigh(item)
        with self._change:
            self._waiting.append((item, weight))
            self._held += weight
            self._change.notify_all()
