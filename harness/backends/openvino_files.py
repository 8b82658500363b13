"""Files that OpenVINO's frontends read, looked through before they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.admission import MAX_MESSAGE, check_size
from harness.backends.flat_files import check_litert
from harness.backends.forms import litert_forms, onnx_forms, openvino_forms
from harness.backends.forms.look import Look
from harness.backends.onnx_files import check_onnx
from harness.backends.parts import reading
from harness.formats.openvino_xml import Network

if TYPE_CHECKING:
    from pathlib import Path

_FAMILIES = (openvino_forms, onnx_forms, litert_forms)


def check_file(path: Path) -> None:
    """Let a file pass that is within bounds, told by its bytes whatever its suffix.

    Raises:
        UnsafeModelError: It is nested too deep, has a document type (entities), or
            keeps data outside of its folder.
        ModelLoadError: It is damaged, or a data file of it does not exist.
    """
    look = Look(path)
    forms = (form for family in _FAMILIES for form in family.FORMS)
    form = next((form.name for form in forms if form.recognise(look)), None)
    if form == "openvino" or look.suffix == ".xml":
        with reading(path, "OpenVINO model"):
            Network(path)
    elif form == "litert":
        check_litert(path)
    elif form == "onnx":
        check_onnx(path, path.parent)
    else:
        check_size(path, look.size, MAX_MESSAGE)
