"""TensorFlow's SavedModels, graphs and checkpoints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.backends.forms.form import Evidence, Form

if TYPE_CHECKING:
    from harness.backends.forms.look import Look

# Number at the end of a table of keys and values (tensorflow/core/lib/io/format.h).
_TABLE_MAGIC = bytes.fromhex("57fb808b247547db")
_SHARD = re.compile(r"\.data-\d{5}-of-\d{5}$")
# Possessive (*+): texts of spaces alone must not be walked over and over.
_GRAPH_TEXT = re.compile(r"^(node|library|versions)[ \t]*+:?[ \t]*+\{", re.MULTILINE)
_OP_TEXT = re.compile(r"\bop[ \t]*+:")
_META_TEXT = re.compile(r"^(meta_info_def|graph_def)[ \t]*+:?[ \t]*+\{", re.MULTILINE)
_SAVED_TEXT = re.compile(r"^(saved_model_schema_version|meta_graphs)\b", re.MULTILINE)
_FIRST = b"\n"  # the key of a text or message in field 1


def _is_saved_model(look: Look) -> bool:
    return bool(look.is_folder and look.names & {"saved_model.pb", "saved_model.pbtxt"})


def _is_saved_model_file(look: Look) -> bool:
    """SavedModel: a schema version (1) and meta graphs (2), and nothing else."""
    if look.text is not None and _SAVED_TEXT.search(look.text):
        return True
    return look.numbers == {1: 1} and set(look.messages) == {2}


def _is_graph(look: Look) -> bool:
    """GraphDef: begins with nodes (1); a node with its name (1), then operator (2)."""
    if not look.fields or look.fields[0][0] != 1:
        return False
    node = look.messages.get(1, b"")
    if node[:1] != _FIRST or len(node) < 2:
        return False
    after_name = 2 + node[1]
    return node[after_name : after_name + 1] in {b"", b"\x12"} or node[1] >= 0x80


def _is_graph_text(look: Look) -> bool:
    text = look.text
    if text is None or _META_TEXT.search(text):
        return False
    return bool(_GRAPH_TEXT.search(text) and _OP_TEXT.search(text))


def _is_meta_graph(look: Look) -> bool:
    """MetaGraphDef: facts of itself (1), then a graph (2) that begins with a node."""
    if 1 in look.messages and look.messages.get(2, b"")[:1] == _FIRST:
        return True
    return look.text is not None and _META_TEXT.search(look.text) is not None


def _is_checkpoint(look: Look) -> bool:
    if look.is_prefix:
        return True
    if look.is_folder:
        return "checkpoint" in look.names and look.ends_with(".index")
    if look.size < len(_TABLE_MAGIC):
        return False
    with look.path.open("rb") as stream:
        stream.seek(-len(_TABLE_MAGIC), 2)
        return stream.read() == _TABLE_MAGIC


def _is_checkpoint_data(look: Look) -> bool:
    return bool(not look.is_folder and _SHARD.search(look.path.name))


FORMS = (
    Form(
        name="savedmodel",
        title="a TensorFlow SavedModel",
        suffixes=(),
        evidence=Evidence.MAGIC,
        recognise=_is_saved_model,
        backend="tensorflow",
    ),
    Form(
        name="savedmodel-file",
        title="one file of a SavedModel",
        suffixes=(".pb", ".pbtxt"),
        evidence=Evidence.STRUCTURE,
        recognise=_is_saved_model_file,
        reason="name the folder instead that the file lies in",
    ),
    Form(
        name="graphdef",
        title="a frozen GraphDef",
        suffixes=(".pb",),
        evidence=Evidence.STRUCTURE,
        recognise=_is_graph,
        backend="tensorflow",
    ),
    Form(
        name="graphdef-text",
        title="a GraphDef as text",
        suffixes=(".pbtxt",),
        evidence=Evidence.STRUCTURE,
        recognise=_is_graph_text,
        backend="tensorflow",
    ),
    Form(
        name="metagraph",
        title="a TensorFlow MetaGraph",
        suffixes=(".meta",),
        evidence=Evidence.LIKENESS,
        recognise=_is_meta_graph,
        reason="name the checkpoint that it lies beside: its path without .meta",
    ),
    Form(
        name="checkpoint",
        title="a TensorFlow checkpoint",
        suffixes=(".index", ".ckpt"),
        evidence=Evidence.MAGIC,
        recognise=_is_checkpoint,
        backend="tensorflow",
    ),
    Form(
        name="checkpoint-data",
        title="one data file of a TensorFlow checkpoint",
        suffixes=(),
        evidence=Evidence.LIKENESS,
        recognise=_is_checkpoint_data,
        reason="name the checkpoint instead: its path without .data-...",
    ),
)
