"""Entries of onnxruntime's session configuration: a misspelt one is told.

The runtime takes any key and looks for those that it knows. They stand as text in its
own library, so that a key of a newer runtime is known when that one is installed.
"""

from __future__ import annotations

import mmap
from difflib import get_close_matches
from pathlib import Path

from onnxruntime.capi import onnxruntime_pybind11_state as native

# Areas that are the runtime's alone; "ep." also holds what providers of others read.
_AREAS = ("memory.", "mlas.", "optimization.", "session.")
# onnxruntime_session_options_config_keys.h, the ones that people set.
_KEYS = tuple(
    """
    ep.context_embed_mode ep.context_enable ep.context_file_path
    ep.context_model_external_initializers_file_name
    memory.enable_memory_arena_shrinkage mlas.disable_kleidiai
    optimization.disable_specified_optimizers
    optimization.enable_cast_chain_elimination
    optimization.enable_gelu_approximation optimization.minimal_build_optimizations
    session.allow_released_opsets_only session.collect_node_memory_stats_to_file
    session.debug_layout_transformation session.disable_aot_function_inlining
    session.disable_cpu_ep_fallback session.disable_double_qdq_remover
    session.disable_model_compile session.disable_prepacking
    session.disable_quant_qdq session.dynamic_block_base
    session.enable_dq_matmulnbits_fusion session.enable_quant_qdq
    session.enable_quant_qdq_cleanup session.force_spinning_stop
    session.graph_optimizations_loop_level session.inter_op.allow_spinning
    session.intra_op.allow_spinning session.intra_op_thread_affinities
    session.load_model_format session.model_external_initializers_file_folder_path
    session.node_partition_config_file
    session.optimized_model_external_initializers_file_name
    session.optimized_model_external_initializers_min_size_in_bytes
    session.qdq_matmulnbits_accuracy_level session.qdqisint8allowed
    session.save_external_prepacked_constant_initializers session.save_model_format
    session.set_denormal_as_zero session.strict_shape_type_inference
    session.use_deterministic_compute session.use_device_allocator_for_initializers
    session.use_env_allocators session.use_ort_model_bytes_directly
    session.use_ort_model_bytes_for_initializers session.x64quantprecision
    """.split()  # noqa: SIM905 names of a page, not a name a line
)
_ALIKE = 0.85


def misspelt(key: str) -> str | None:
    """The nearest known key where the runtime would drop `key` without a word.

    Args:
        key: Of an entry.

    Returns:
        None where the key is known, or may be one that a provider of somebody else
        reads; "" where nothing is near it.
    """
    if key in _KEYS or not key:
        return None
    near = get_close_matches(key, _KEYS, 1, _ALIKE if key[:3] == "ep." else 0.6)
    if not (near or key.startswith(_AREAS)) or _in_library(key):
        return None
    return near[0] if near else ""


def _in_library(key: str) -> bool:
    """Whether the key stands whole in the runtime's library."""
    with (
        Path(native.__file__).open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as library,
    ):
        return library.find(f"{key}\0".encode()) >= 0
