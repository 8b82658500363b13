"""All forms, the surest recognisers first."""

from __future__ import annotations

from harness.backends.forms import (
    array_forms,
    coreml_forms,
    keras_forms,
    litert_forms,
    onnx_forms,
    opencv_forms,
    openvino_forms,
    sklearn_forms,
    tensorflow_forms,
    torch_forms,
    unread_forms,
    weight_forms,
)

_FAMILIES = (
    array_forms,
    coreml_forms,
    keras_forms,
    litert_forms,
    onnx_forms,
    opencv_forms,
    openvino_forms,
    sklearn_forms,
    tensorflow_forms,
    torch_forms,
    unread_forms,
    weight_forms,
)
FORMS = tuple(
    sorted(
        (form for family in _FAMILIES for form in family.FORMS),
        key=lambda form: (form.evidence, form.name),
    )
)
