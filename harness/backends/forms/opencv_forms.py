"""Caffe and Darknet models."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from harness.backends.forms.form import Evidence, Form

if TYPE_CHECKING:
    from harness.backends.forms.look import Look

_LAYER = 100
# Possessive (*+): texts of spaces alone must not be walked over and over.
_LAYER_TEXT = re.compile(
    r"(?:^|[};\"'])[ \t]*+(layers?|input_shape)[ \t]*+:?[ \t]*+\{", re.MULTILINE
)
# At the start of a line, or after what may stand before it on the layer's own.
_KEY_TEXT = re.compile(
    r"(?:^|[{};,\"' \t])(type|input|input_dim|top)[ \t]*+:", re.MULTILINE
)
_SECTION = re.compile(r"^[ \t]*+\[([^]\n]*)\]", re.MULTILINE)
_FIRST_SECTIONS = frozenset({"net", "network"})
# Major, minor, revision, images seen (8 bytes since 0.2).
_HEADER = struct.Struct("<3i")
_KNOWN_MAJOR = (0, 1)
_HIGHEST_PART = 10


def _is_prototxt(look: Look) -> bool:
    text = look.text
    if text is None or look.head.lstrip()[:1] in b"{<[":
        return False
    return bool(_LAYER_TEXT.search(text) and _KEY_TEXT.search(text))


def _is_caffemodel(look: Look) -> bool:
    """NetParameter: layers (100), or layers of the first version (2) after a name."""
    name = look.messages.get(1)
    if _LAYER in look.messages:
        return 7 not in look.messages
    layers = look.messages.get(2, b"")
    return name is not None and name.isascii() and layers[:1] in {b"\x12", b"\x1a"}


def _is_darknet_cfg(look: Look) -> bool:
    text = look.text
    if text is None:
        return False
    first = _SECTION.search(text)
    return first is not None and first[1].strip() in _FIRST_SECTIONS


def _is_darknet_weights(look: Look) -> bool:
    if len(look.head) < _HEADER.size or look.size % 4:
        return False
    major, minor, revision = _HEADER.unpack_from(look.head)
    known = major in _KNOWN_MAJOR and (major or minor) and 0 <= minor <= _HIGHEST_PART
    return bool(known and 0 <= revision <= _HIGHEST_PART)


FORMS = (
    Form(
        name="caffe",
        title="a Caffe network as text",
        suffixes=(".prototxt",),
        evidence=Evidence.STRUCTURE,
        recognise=_is_prototxt,
        backend="opencv",
    ),
    Form(
        name="caffemodel",
        title="the weights of a Caffe network",
        suffixes=(".caffemodel",),
        evidence=Evidence.STRUCTURE,
        recognise=_is_caffemodel,
        backend="opencv",
    ),
    Form(
        name="darknet",
        title="a Darknet configuration",
        suffixes=(".cfg",),
        evidence=Evidence.STRUCTURE,
        recognise=_is_darknet_cfg,
        backend="opencv",
    ),
    Form(
        name="darknet-weights",
        title="the weights of a Darknet network",
        suffixes=(".weights",),
        evidence=Evidence.LIKENESS,
        recognise=_is_darknet_weights,
        backend="opencv",
    ),
)
