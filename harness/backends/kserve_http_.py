"""The Open Inference Protocol over HTTP, tensors as bytes where the server can.

The binary tensor data extension puts them after the JSON of a request or an answer:
https://github.com/triton-inference-server/server (docs/protocol)
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from harness.backends.kserve_tensors import (
    DATATYPES,
    Place,
    VersionWatch,
    checked_shape,
    from_raw,
    lacks,
    shaped,
    spec_of,
    to_raw,
)
from harness.backends.remote import Access, EndpointError, Interface
from harness.backends.remote_http import HttpClient, Reply
from harness.backends.remote_json import from_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.core.protocols import Array, Arrays, TensorSpec

_EXTENSION = "binary_tensor_data"
_HEADER = "Inference-Header-Content-Length"
_INSTEAD = "use the server's gRPC port: grpc://host:port/v2/models/NAME"
# A float64 in JSON has 17 digits, a sign, a point and an exponent.
_BYTES_AN_ELEMENT = 32


class HttpModel:
    """A served model over HTTP; see `harness.backends.kserve_tensors.Model`.

    Args:
        place: Its URL.
        access: How it is reached.
        binary: auto, always or never.
    """

    def __init__(self, place: Place, access: Access, binary: str) -> None:
        self._place = place
        self._access = access
        self._binary = binary == "always"
        self._asks = binary == "auto"
        self._client = HttpClient(access)
        self._url = f"{place.server}/v2/models/{place.model}"
        if place.version is not None:
            self._url += f"/versions/{place.version}"
        self._watch = VersionWatch()
        self._interface = Interface((), (), {})
        self.close = self._client.close

    def describe(self) -> Interface:
        """Ask server and model about themselves.

        Raises:
            EndpointError: The model is not there or not ready.
        """
        server = self._client.describe(f"{self._place.server}/v2")
        status = self._client.status(f"{self._url}/ready")
        if status != 200:
            raise EndpointError(
                f"model {self._place.model!r} is not ready (status {status})",
                "load it on the server, or check its name and version in the URL",
            )
        told = self._client.describe(self._url)
        if self._asks:
            self._binary = _EXTENSION in (server.get("extensions") or ())
        self._interface = Interface(
            inputs=_specs(told, "inputs"),
            outputs=_specs(told, "outputs"),
            runtime={
                "backend": "kserve",
                "version": self._access.shown(
                    f"{server.get('name')} {server.get('version')}"
                ),
                "protocol": "HTTP",
                "tensors": "binary" if self._binary else "JSON",
                "model": self._place.model,
                "model_version": self._place.version or _versions(told),
                "platform": self._access.shown(str(told.get("platform"))),
                "tls": self._access.told(self._url),
            },
        )
        return self._interface

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        """Infer one batch.

        Raises:
            EndpointError: The server fails, or answers what it should not.
        """
        outputs = self._interface.outputs
        n = len(feeds[self._interface.inputs[0].name])
        body, headers = self._request(feeds)
        limit = self._access.limit(outputs, n, _BYTES_AN_ELEMENT)
        reply = self._client.post(f"{self._url}/infer", body, headers, limit)
        length = _header_length(reply)
        answer = self._client.json_of(reply, length)
        self._watch(answer.get("model_version"))
        found = _tensors(answer, reply.body[length:] if length is not None else b"")
        return {spec.name: _array(spec, found) for spec in outputs}

    def _request(self, feeds: Arrays) -> tuple[bytes, dict[str, str]]:
        """Body and headers of one call."""
        arrays = [(spec, feeds[spec.name]) for spec in self._interface.inputs]
        raws = [to_raw(array) for _, array in arrays] if self._binary else []
        heads = [_head(spec, array) for spec, array in arrays]
        for head, raw in zip(heads, raws, strict=False):
            head["parameters"] = {"binary_data_size": len(raw)}
        if not self._binary:
            for head, (spec, array) in zip(heads, arrays, strict=True):
                head["data"] = _values(spec, array)
        asked = [self._asked(spec) for spec in self._interface.outputs]
        text = _dumped({"inputs": heads, "outputs": asked})
        if not self._binary:
            return text, {"Content-Type": "application/json"}
        headers = {"Content-Type": "application/octet-stream", _HEADER: str(len(text))}
        return b"".join((text, *raws)), headers

    def _asked(self, spec: TensorSpec) -> dict[str, Any]:
        wanted = {"parameters": {"binary_data": True}} if self._binary else {}
        return {"name": spec.name, **wanted}


def _specs(told: Mapping[str, Any], side: str) -> tuple[TensorSpec, ...]:
    tensors = told.get(side) or []
    if not isinstance(tensors, list) or not all(isinstance(t, dict) for t in tensors):
        raise EndpointError(f"describes its {side} wrongly", "see the server's log")
    return tuple(
        spec_of(t.get("name"), t.get("datatype"), t.get("shape") or ()) for t in tensors
    )


def _versions(told: Mapping[str, Any]) -> str | None:
    versions = told.get("versions")
    return ", ".join(map(str, versions)) if isinstance(versions, list) else None


def _head(spec: TensorSpec, array: Array) -> dict[str, Any]:
    return {
        "name": spec.name,
        "shape": [*array.shape],
        "datatype": DATATYPES[spec.dtype],
    }


def _values(spec: TensorSpec, array: Array) -> list[Any]:
    flat: list[Any] = array.ravel().tolist()
    if spec.dtype != "str":
        return flat
    try:
        return [v.decode() if isinstance(v, bytes) else str(v) for v in flat]
    except UnicodeDecodeError as error:
        raise EndpointError(
            f"takes text alone in input {spec.name!r}, and these bytes are none",
            _INSTEAD,
        ) from error


def _dumped(question: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(question, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise EndpointError(
            "takes JSON alone, which has no NaN and no infinity",
            _INSTEAD,
        ) from error
    return text.encode()


def _header_length(reply: Reply) -> int | None:
    """Bytes of JSON at the start of a binary answer; None where all of it is JSON."""
    text = reply.headers.get(_HEADER)
    if text is None:
        return None
    if not text.isdecimal() or int(text) > len(reply.body):
        raise EndpointError(
            f"says {_HEADER}: {text[:20]!r}, in an answer of {len(reply.body)} bytes",
            "see the server's log",
        )
    return int(text)


def _tensors(
    answer: Mapping[str, Any], rest: bytes
) -> dict[str, tuple[dict[str, Any], bytes | None]]:
    """Output name -> its description and its bytes, None where it has its data."""
    outputs = answer.get("outputs")
    if not isinstance(outputs, list) or not all(isinstance(o, dict) for o in outputs):
        raise EndpointError("answers without outputs", "see the server's log")
    found: dict[str, tuple[dict[str, Any], bytes | None]] = {}
    place = 0
    for output in outputs:
        size = (output.get("parameters") or {}).get("binary_data_size")
        if not isinstance(size, int):
            found[str(output.get("name"))] = (output, None)
            continue
        if not 0 <= size <= len(rest) - place:
            raise EndpointError(
                f"answers {len(rest)} bytes of tensors and says there are more",
                "see the server's log",
            )
        found[str(output.get("name"))] = (output, rest[place : place + size])
        place += size
    return found


def _array(
    spec: TensorSpec, found: Mapping[str, tuple[dict[str, Any], bytes | None]]
) -> Array:
    if spec.name not in found:
        raise lacks(spec)
    output, raw = found[spec.name]
    shape = checked_shape(spec, output.get("datatype"), output.get("shape") or ())
    if raw is not None:
        return from_raw(raw, spec, shape)
    data = output.get("data")
    # Servers that write strict JSON write null for what is not finite.
    if isinstance(data, list) and None in data and spec.dtype.startswith("float"):
        data = [math.nan if value is None else value for value in data]
    return shaped(from_json(data, spec.dtype, spec.name).ravel(), spec, shape)
