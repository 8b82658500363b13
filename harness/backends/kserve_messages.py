"""Messages of the Open Inference Protocol over gRPC, made when they are needed.

In the notation of the public ``open_inference_grpc.proto``, and only the fields that
are used: protobuf skips the others. Built at run time because generated modules are
tied to one or two major versions of protobuf; and in a pool of their own because a
process may hold another library's messages of the same names.
https://github.com/kserve/open-inference-protocol
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "/inference.GRPCInferenceService"
_PACKAGE = "inference"
# Inputs and outputs are declared apart and alike; on the wire names are not seen.
_MESSAGES = {
    "ServerMetadataRequest": (),
    "ServerMetadataResponse": ("string name = 1", "string version = 2"),
    "ModelReadyRequest": ("string name = 1", "string version = 2"),
    "ModelReadyResponse": ("bool ready = 1",),
    "ModelMetadataRequest": ("string name = 1", "string version = 2"),
    "ModelMetadataResponse": (
        "string name = 1",
        "repeated string versions = 2",
        "string platform = 3",
        "repeated TensorMetadata inputs = 4",
        "repeated TensorMetadata outputs = 5",
    ),
    "TensorMetadata": (
        "string name = 1",
        "string datatype = 2",
        "repeated int64 shape = 3",
    ),
    "ModelInferRequest": (
        "string model_name = 1",
        "string model_version = 2",
        "repeated Tensor inputs = 5",
        "repeated RequestedOutput outputs = 6",
        "repeated bytes raw_input_contents = 7",
    ),
    "ModelInferResponse": (
        "string model_name = 1",
        "string model_version = 2",
        "repeated Tensor outputs = 5",
        "repeated bytes raw_output_contents = 6",
    ),
    "Tensor": (
        "string name = 1",
        "string datatype = 2",
        "repeated int64 shape = 3",
        "Contents contents = 5",
    ),
    "RequestedOutput": ("string name = 1",),
    "Contents": (
        "repeated bool bool_contents = 1",
        "repeated int32 int_contents = 2",
        "repeated int64 int64_contents = 3",
        "repeated uint32 uint_contents = 4",
        "repeated uint64 uint64_contents = 5",
        "repeated float fp32_contents = 6",
        "repeated double fp64_contents = 7",
        "repeated bytes bytes_contents = 8",
    ),
}


def message(kind: str, /, **values: Any) -> Any:
    """A message of that kind, its fields set."""
    return _classes()[kind](**values)


@cache
def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="open_inference.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, lines in _MESSAGES.items():
        declared = file.message_type.add(name=name)
        for line in lines:
            _declare(declared, line)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")
        )
        for name in _MESSAGES
    }


def _declare(declared: Any, line: str) -> None:
    """Add the field that a line like "repeated int64 shape = 3" declares."""
    *label, kind, name, _, number = line.split()
    field = declared.field.add(name=name, number=int(number))
    field.label = field.LABEL_REPEATED if label else field.LABEL_OPTIONAL
    if kind in _MESSAGES:
        field.type, field.type_name = field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    else:
        field.type = getattr(field, f"TYPE_{kind.upper()}")
