"""What a run found, kept for the next: states of metrics, answers, whole reports."""

from harness.cache.files import Files
from harness.cache.frozen import freeze, thaw
from harness.cache.keys import key_of, plain
from harness.cache.store import DEFAULT_LIMIT, Entry, Store, is_store

__all__ = [
    "DEFAULT_LIMIT",
    "Entry",
    "Files",
    "Store",
    "freeze",
    "is_store",
    "key_of",
    "plain",
    "thaw",
]
