"""The Open Inference Protocol: KServe v2, Triton, OpenVINO model server, MLServer.

https://github.com/kserve/open-inference-protocol
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.backends.kserve_grpc_ import GrpcModel
from harness.backends.kserve_http_ import HttpModel
from harness.backends.kserve_tensors import Place
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
from harness.core.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.backends.kserve_tensors import Model

_FORM = (
    "http(s):// or grpc(s)://host:port/v2/models/NAME, with /versions/VERSION after it"
)
_BINARY = ("auto", "always", "never")
_URL = re.compile(
    r"(?P<server>(?P<scheme>https?|grpcs?)://(?P<host>[^/@?#\s]+)(?P<prefix>/[^@?#\s]*)?)"
    r"/v2/models/(?P<model>[^/@?#\s]+)(?:/versions/(?P<version>[^/@?#\s]+))?(?:/infer)?/?"
)


def open_session(path: Path | str, options: Mapping[str, object]) -> RemoteSession:
    """Open a served model by its URL.

    A server that loads another version meanwhile fails the run, rather than answer
    one half of it with each.

    Args:
        path: ``http``, ``https``, ``grpc`` or ``grpcs``,
            ``://host:port/v2/models/NAME``, with ``/versions/VERSION`` where one is
            meant. gRPC has no paths: there the same form names model and version.
        options: ``binary`` (auto, always, never: over HTTP, whether tensors go as
            bytes; auto asks the server, and its JSON is the fallback), and those of
            `harness.backends.remote.access_of`.

    Raises:
        SuiteError: The URL or an option is wrong.
        ModelLoadError: The server cannot be reached, or the model is not ready.
    """
    request = Options("kserve", options, ACCESS_OPTIONS | {"binary"})
    access = access_of(request)
    binary = request.choice("binary", _BINARY, "auto")
    parts = match_url(path, _URL, _FORM)
    place = Place(**parts.groupdict())
    with opening(str(path)) as stack:
        model: Model
        if place.scheme in ("http", "https"):
            model = HttpModel(place, access, binary)
        else:
            _check_for_grpc(place, access, request)
            model = GrpcModel(place, access)
        stack.callback(model.close)
        interface = model.describe()
        _require_tensors(interface, place)
    return remote_session(str(path), interface, model, model.close)


def _check_for_grpc(place: Place, access: Access, request: Options) -> None:
    if place.prefix:
        raise SuiteError(
            f"gRPC has no paths such as {place.prefix!r}",
            hint=f"it takes {place.scheme}://{place.host}/v2/models/{place.model}",
        )
    if not access.verify:
        raise request.wrong("verify", False, "true: gRPC always verifies; see ca_file")
    if request.choice("binary", _BINARY, "auto") == "never":
        raise request.wrong("binary", "never", "auto or always: gRPC has no other way")


def _require_tensors(interface: Interface, place: Place) -> None:
    for side, specs in (("inputs", interface.inputs), ("outputs", interface.outputs)):
        if not specs:
            raise EndpointError(
                f"describes model {place.model!r} without {side}",
                f"declare {side} in the model's configuration on the server",
            )
