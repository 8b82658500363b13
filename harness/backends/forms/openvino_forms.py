"""OpenVINO's intermediate representation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.backends.forms.form import Evidence, Form

if TYPE_CHECKING:
    from harness.backends.forms.look import Look

_NET = re.compile(r"<net[\s>]")
# What may stand before the first element.
_PROLOGUE = {"<?": "?>", "<!--": "-->"}


def _is_openvino(look: Look) -> bool:
    return (
        look.text is not None and _NET.match(_from_first_element(look.text)) is not None
    )


def _from_first_element(text: str) -> str:
    text = text.lstrip()
    while closing := next(
        (c for o, c in _PROLOGUE.items() if text.startswith(o)), None
    ):
        text = text.partition(closing)[2].lstrip()
    return text


FORMS = (
    Form(
        name="openvino",
        title="an OpenVINO model",
        suffixes=(".xml",),
        evidence=Evidence.STRUCTURE,
        recognise=_is_openvino,
        backend="openvino",
    ),
)
