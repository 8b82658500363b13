"""The Open Inference Protocol over gRPC, tensors as raw bytes."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError

from harness.backends.kserve_messages import SERVICE, message
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
from harness.backends.remote import MOST_BYTES, Access, EndpointError, Interface
from harness.backends.remote_json import from_json

if TYPE_CHECKING:
    from harness.core.protocols import Array, Arrays, TensorSpec

# The field that holds a type's values where a server does not answer raw bytes.
_CONTENTS = {
    "bool": "bool_contents",
    "float32": "fp32_contents",
    "float64": "fp64_contents",
    "int16": "int_contents",
    "int32": "int_contents",
    "int64": "int64_contents",
    "int8": "int_contents",
    "str": "bytes_contents",
    "uint16": "uint_contents",
    "uint32": "uint_contents",
    "uint64": "uint64_contents",
    "uint8": "uint_contents",
}
_HINTS = {
    "NOT_FOUND": "check the model's name and version in the URL",
    "PERMISSION_DENIED": "ask for access; the token is taken from options.token_env",
    "RESOURCE_EXHAUSTED": "raise the option max_response_mb if the outputs are large",
    "UNAUTHENTICATED": "name the variable that holds a token: options.token_env",
    "UNIMPLEMENTED": "check that the port is that of a gRPC inference server",
}


class GrpcModel:
    """A served model over gRPC; see `harness.backends.kserve_tensors.Model`.

    Args:
        place: Its URL.
        access: How it is reached; without ``max_response_mb`` an answer has at most
            256 MiB.
    """

    def __init__(self, place: Place, access: Access) -> None:
        self._place = place
        self._access = access
        self._metadata = (
            (("authorization", f"Bearer {access.token}"),) if access.token else ()
        )
        self._channel = _channel(place, access)
        self._watch = VersionWatch()
        self._interface = Interface((), (), {})
        self.close = self._channel.close

    def describe(self) -> Interface:
        """Ask server and model about themselves.

        Raises:
            EndpointError: The model is not there or not ready.
        """
        name, version = self._place.model, self._place.version or ""
        server = self._ask("ServerMetadata")
        if not self._ask("ModelReady", name=name, version=version).ready:
            raise EndpointError(
                f"model {name!r} is not ready",
                "load it on the server, or check its name and version in the URL",
            )
        told = self._ask("ModelMetadata", name=name, version=version)
        self._interface = Interface(
            inputs=tuple(spec_of(t.name, t.datatype, t.shape) for t in told.inputs),
            outputs=tuple(spec_of(t.name, t.datatype, t.shape) for t in told.outputs),
            runtime={
                "backend": "kserve",
                "version": self._access.shown(f"{server.name} {server.version}"),
                "protocol": "gRPC",
                "tensors": "binary",
                "model": name,
                "model_version": version or ", ".join(told.versions) or None,
                "platform": self._access.shown(told.platform),
                "tls": self._access.told(f"{self._place.scheme}:"),
            },
        )
        return self._interface

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        """Infer one batch.

        Raises:
            EndpointError: The server fails, or answers what it should not.
        """
        inputs, outputs = self._interface.inputs, self._interface.outputs
        answer = self._ask(
            "ModelInfer",
            model_name=self._place.model,
            model_version=self._place.version or "",
            inputs=[
                message(
                    "Tensor",
                    name=spec.name,
                    datatype=DATATYPES[spec.dtype],
                    shape=feeds[spec.name].shape,
                )
                for spec in inputs
            ],
            outputs=[message("RequestedOutput", name=spec.name) for spec in outputs],
            raw_input_contents=[to_raw(feeds[spec.name]) for spec in inputs],
        )
        self._watch(answer.model_version)
        raws = answer.raw_output_contents
        if raws and len(raws) != len(answer.outputs):
            raise EndpointError(
                f"answers {len(answer.outputs)} outputs and bytes of {len(raws)}",
                "see the server's log",
            )
        places = {tensor.name: place for place, tensor in enumerate(answer.outputs)}
        arrays = {}
        for spec in outputs:
            if spec.name not in places:
                raise lacks(spec)
            place = places[spec.name]
            raw = raws[place] if raws else None
            arrays[spec.name] = _array(spec, answer.outputs[place], raw)
        return arrays

    def _ask(self, method: str, /, **values: Any) -> Any:
        """One call, tried again while the server is not available.

        Raises:
            EndpointError: It fails.
        """
        question = message(f"{method}Request", **values).SerializeToString()
        # Bytes in, bytes out: what cannot be parsed is told in our words.
        call = self._channel.unary_unary(f"{SERVICE}/{method}")
        for wait in (*self._access.waits(), None):
            try:
                data = call(
                    question, timeout=self._access.timeout, metadata=self._metadata
                )
                break
            except grpc.RpcError as error:
                lost = error.code() is grpc.StatusCode.UNAVAILABLE
                if wait is None or not lost:
                    raise self._refusal(error) from error
                time.sleep(wait)
        answer = message(f"{method}Response")
        try:
            answer.ParseFromString(data)
        except DecodeError as error:
            raise EndpointError(
                f"answers {method} with what is no such message",
                "check that the port is that of a gRPC inference server",
            ) from error
        return answer

    def _refusal(self, error: Any) -> EndpointError:
        name = error.code().name
        said = self._access.shown(error.details() or "") or "nothing"
        if name == "DEADLINE_EXCEEDED":
            return EndpointError(
                f"has not answered within {self._access.timeout:g} s",
                "raise the option timeout, or make batch_size smaller",
            )
        if name == "UNAVAILABLE":
            return EndpointError(
                f"cannot be reached: {said}", "start the server, or check host and port"
            )
        hint = _HINTS.get(name, "see the server's log")
        return EndpointError(f"answers {name}: {said}", hint)


def _channel(place: Place, access: Access) -> Any:
    options = [
        ("grpc.max_receive_message_length", access.max_bytes or MOST_BYTES),
        ("grpc.max_send_message_length", -1),
        ("grpc.enable_http_proxy", 0),
        # Tries are counted here, by one rule for both transports.
        ("grpc.enable_retries", 0),
        ("grpc.initial_reconnect_backoff_ms", 100),
        # This is how gRPC calls its time-out of a connection.
        ("grpc.min_reconnect_backoff_ms", math.ceil(access.connect_timeout * 1000)),
        ("grpc.primary_user_agent", "model-quality-harness"),
    ]
    if place.scheme == "grpc":
        return grpc.insecure_channel(place.host, options)
    roots = Path(access.ca_file).read_bytes() if access.ca_file else None
    credentials = grpc.ssl_channel_credentials(root_certificates=roots)
    return grpc.secure_channel(place.host, credentials, options)


def _array(spec: TensorSpec, told: Any, raw: bytes | None) -> Array:
    shape = checked_shape(spec, told.datatype, told.shape)
    if raw is not None:
        return from_raw(raw, spec, shape)
    if spec.dtype not in _CONTENTS:
        raise EndpointError(
            f"output {spec.name!r} of type {told.datatype} comes without raw bytes",
            "use the server's HTTP port",
        )
    values = getattr(told.contents, _CONTENTS[spec.dtype])
    plain = [v.decode(errors="replace") if isinstance(v, bytes) else v for v in values]
    return shaped(from_json(plain, spec.dtype, spec.name), spec, shape)
