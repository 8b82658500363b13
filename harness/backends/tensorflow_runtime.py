"""TensorFlow itself: imported quietly, on one thread, its settings told."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.backends.stderr import quiet_start

if TYPE_CHECKING:
    from collections.abc import Iterator


@cache
def import_tensorflow() -> Any:
    """TensorFlow, imported quietly and set to one thread where that is still open."""
    with quiet_start():
        import tensorflow as tf
    # Threads are fixed by TensorFlow's first operation. Where somebody else in this
    # process came first, `runtime_facts` records what is really there.
    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    return tf


def runtime_facts() -> dict[str, str | int | float | bool | None]:
    """Settings of TensorFlow that decide its last bits."""
    tf = import_tensorflow()
    threading = tf.config.threading
    # It computes on the first one that it sees.
    elsewhere = {"device": "GPU"} if tf.config.list_physical_devices("GPU") else {}
    return {
        "intra_op_num_threads": threading.get_intra_op_parallelism_threads(),
        "inter_op_num_threads": threading.get_inter_op_parallelism_threads(),
        # Its kernels order sums differently; on by default on x86 Linux.
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
        **elsewhere,
    }


@contextmanager
def without_advice(tf: Any) -> Iterator[None]:
    """Load inside without TensorFlow's advice to use its newer interfaces.

    Old files are read through its old interfaces on purpose; errors pass.
    """
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with quiet_start():
            yield
    finally:
        logger.setLevel(level)
