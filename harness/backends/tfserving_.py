"""TensorFlow Serving's REST API: ``:predict`` in its row and its column form.

https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.backends.options import Options
from harness.backends.remote import (
    ACCESS_OPTIONS,
    Access,
    EndpointError,
    Interface,
    RemoteSession,
    access_of,
    match_url,
    opening,
    remote_session,
)
from harness.backends.remote_http import HttpClient
from harness.backends.remote_json import from_json, to_json
from harness.core.errors import SuiteError
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.protocols import Array, Arrays

_FORM = "http://host:port/v1/models/NAME, with /versions/N or /labels/NAME after it"
_URL = re.compile(
    r"(?P<server>https?://[^/@?#\s]+(?:/[^@?#\s]*)?/v1/models/)"
    r"(?P<model>[^/:@?#\s]+)"
    r"(?P<version>/versions/\d+|/labels/[^/:@?#\s]+)?(?::predict)?/?"
)
# Types that the API carries; what it lacks (DT_HALF, DT_BFLOAT16) it refuses.
_DTYPES = {
    "DT_BOOL": "bool",
    "DT_DOUBLE": "float64",
    "DT_FLOAT": "float32",
    "DT_INT16": "int16",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_INT8": "int8",
    "DT_STRING": "str",
    "DT_UINT16": "uint16",
    "DT_UINT32": "uint32",
    "DT_UINT64": "uint64",
    "DT_UINT8": "uint8",
}
# A float64 has 17 digits, a sign, a point, an exponent; each line is indented.
_BYTES_AN_ELEMENT = 64


def open_session(path: Path | str, options: Mapping[str, object]) -> RemoteSession:
    """Open a served model by its URL.

    The version that serves now answers the whole run, even if a newer one is loaded
    meanwhile; `runtime` records it.

    Args:
        path: ``http(s)://host:port/v1/models/NAME``, with ``/versions/N`` or
            ``/labels/NAME`` where one is meant.
        options: ``form`` (column, row: how tensors are written; only column knows
            outputs without a sample axis), ``signature`` (serving_default), and
            those of `harness.backends.remote.access_of`.

    Raises:
        SuiteError: The URL or an option is wrong, or the model has no such signature.
        ModelLoadError: The server cannot be reached, or has no such model.
    """
    request = Options("tfserving", options, ACCESS_OPTIONS | {"form", "signature"})
    access = access_of(request)
    form = request.choice("form", ("column", "row"), "column")
    signature = request.get("signature", str, "serving_default")
    parts = match_url(path, _URL, _FORM)
    model = parts["server"] + parts["model"]
    with opening(str(path)) as stack:
        client = HttpClient(access)
        stack.callback(client.close)
        told = client.describe(f"{model}{parts['version'] or ''}/metadata")
        version = _version(told)
        inputs, outputs = _tensors(told, signature, str(path))
    runtime = {
        "backend": "tfserving",
        "version": "REST v1",
        "model": parts["model"],
        "model_version": version,
        "signature": signature,
        "form": form,
        "tls": access.told(model),
    }
    interface = Interface(inputs, outputs, runtime)
    url = f"{model}/versions/{version}:predict"
    call = _Predict(client, access, url, signature, interface, rows=form == "row")
    return remote_session(str(path), interface, call, client.close)


@dataclass(frozen=True, slots=True)
class _Predict:
    """Calls of one model in one form; see the module's link for what is written."""

    client: HttpClient
    access: Access
    url: str
    signature: str
    interface: Interface
    rows: bool

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        inputs, outputs = self.interface.inputs, self.interface.outputs
        values = {spec.name: to_json(feeds[spec.name]) for spec in inputs}
        key, asked = ("instances", _rows(values)) if self.rows else ("inputs", values)
        question = {"signature_name": self.signature, key: asked}
        body = json.dumps(question, separators=(",", ":")).encode()
        n = len(feeds[inputs[0].name])
        limit = self.access.limit(outputs, n, _BYTES_AN_ELEMENT)
        headers = {"Content-Type": "application/json"}
        reply = self.client.post(self.url, body, headers, limit)
        found = self._columns(self.client.json_of(reply))
        return {s.name: from_json(found[s.name], s.dtype, s.name) for s in outputs}

    def _columns(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Output name -> value over the whole batch."""
        names = [spec.name for spec in self.interface.outputs]
        key = "predictions" if self.rows else "outputs"
        found = answer.get(key)
        if found is None or (self.rows and not isinstance(found, list)):
            raise _incomplete(f"answers without {key!r}")
        # A single output goes without its name.
        if len(names) == 1:
            return {names[0]: found}
        rows = found if self.rows else [found]
        for name in names:
            if any(not isinstance(row, dict) or name not in row for row in rows):
                raise _incomplete(f"answers without output {name!r}")
        if not self.rows:
            return {name: found[name] for name in names}
        return {name: [row[name] for row in found] for name in names}


def _rows(values: Mapping[str, Any]) -> list[Any]:
    """One JSON value a sample; a single input goes without its name."""
    if len(values) == 1:
        return list(next(iter(values.values())))
    samples = zip(*values.values(), strict=True)
    return [dict(zip(values, sample, strict=True)) for sample in samples]


def _version(told: Mapping[str, Any]) -> str:
    version = _at(told, "model_spec", "version")
    if not isinstance(version, str) or not version.isdecimal():
        raise _incomplete("tells no version of the model")
    return version


def _tensors(
    told: Mapping[str, Any], signature: str, url: str
) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Inputs and outputs of a signature, sorted by name: the server sends maps."""
    signatures = _at(told, "metadata", "signature_def", "signature_def")
    if not isinstance(signatures, dict) or signature not in signatures:
        known = ", ".join(sorted(signatures)) or "none"
        raise SuiteError(
            f"{url} has no signature {signature!r}",
            hint=f'its signatures are: {known}; say options = {{ signature = "..." }}',
        )
    sides = (_at(signatures, signature, side) for side in ("inputs", "outputs"))
    inputs, outputs = (
        tuple(_spec(name, side[name]) for name in sorted(side)) for side in sides
    )
    return inputs, outputs


def _spec(name: str, told: Any) -> TensorSpec:
    dtype = _DTYPES.get(_at(told, "dtype"))
    if dtype is None:
        raise EndpointError(
            f"tensor {name!r} is {_at(told, 'dtype')}, which the REST API cannot carry",
            "export the model with a cast to float32 in its signature",
        )
    shape = _at(told, "tensor_shape")
    if not isinstance(shape, dict) or shape.get("unknown_rank"):
        return TensorSpec(name, dtype, None)
    try:
        sizes = [int(dim["size"]) for dim in shape.get("dim", ())]
    except (KeyError, TypeError, ValueError) as error:
        raise _incomplete(f"tells no shape of {name!r}") from error
    return TensorSpec(name, dtype, tuple(None if s < 0 else s for s in sizes))


def _at(told: Any, *keys: str) -> Any:
    for key in keys:
        if not isinstance(told, dict) or key not in told:
            raise _incomplete(f"describes the model without {key!r}")
        told = told[key]
    return told


def _incomplete(what: str) -> EndpointError:
    return EndpointError(what, "check that TensorFlow Serving answers at this URL")
