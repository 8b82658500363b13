"""What endpoints have in common: addresses, options, limits, and what they may answer.

A server is another program, often behind others: nothing that it sends is believed
before it was looked at, and nothing is waited for without an end.
"""

from __future__ import annotations

import math
import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.backends.sessions import LiveSession, LoadedModel
from harness.core.errors import InferenceError, ModelLoadError, SuiteError

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from harness.backends.options import Options
    from harness.core.protocols import Array, Arrays, Runtime, TensorSpec

ACCESS_OPTIONS = frozenset(
    {
        *("ca_file", "connect_timeout", "max_response_mb", "retries", "timeout"),
        *("token_env", "verify"),
    }
)
# Of answers whose size the model's own description does not bound.
MOST_BYTES = 256 << 20
# What headers, names and shapes of an answer may add to its numbers.
_SLACK_BYTES = 1 << 20
_SHOWN = 200
_MOST_RETRIES = 10
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0


class EndpointError(Exception):
    """An endpoint fails, or answers what it should not.

    Args:
        message: What it did; shown after its URL.
        hint: One next step.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Access:
    """How an endpoint is reached; see `access_of` for the options.

    Attributes:
        connect_timeout: Seconds a connection may take.
        timeout: Seconds an answer may take, to its last byte.
        retries: Further tries after a lost connection or a busy server.
        max_bytes: Most bytes of an answer; None takes what the outputs need.
        ca_file: Certificates to trust instead of the system's.
        verify: Whether the server's certificate is checked.
        token: Sent as a bearer token; never shown.
    """

    connect_timeout: float
    timeout: float
    retries: int
    max_bytes: int | None
    ca_file: str | None
    verify: bool
    token: str | None = field(repr=False)

    def told(self, url: str) -> str:
        """How the connection is secured, for the record."""
        if not url.startswith(("https:", "grpcs:")):
            return "none"
        if not self.verify:
            return "encrypted, but the certificate was NOT verified (verify = false)"
        return "verified"

    def shown(self, text: str) -> str:
        """A server's words in one short line, fit for a terminal, without the token."""
        if self.token:
            text = text.replace(self.token, "***")
        plain = "".join(c if c.isprintable() else " " for c in text[: 8 * _SHOWN])
        line = " ".join(plain.split())
        return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."

    def waits(self) -> Iterator[float]:
        """Seconds to wait before each further try."""
        for attempt in range(self.retries):
            yield min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT)

    def limit(self, specs: tuple[TensorSpec, ...], n: int, element: int) -> int:
        """Most bytes that an answer for `n` samples may have.

        Args:
            specs: The outputs.
            n: Samples asked.
            element: Most bytes that one element takes.
        """
        if self.max_bytes is not None:
            return self.max_bytes
        sizes = [_elements(spec, n) for spec in specs]
        known = [size for size in sizes if size is not None]
        if len(known) < len(sizes):
            return MOST_BYTES
        return sum(known) * element + _SLACK_BYTES


def access_of(request: Options) -> Access:
    """Read the options that all endpoints share.

    ``connect_timeout`` (5 s), ``timeout`` (60 s), ``retries`` (2, at most 10; 0 for a
    model that keeps state between calls), ``max_response_mb`` (from the outputs'
    sizes), ``ca_file`` (relative to the suite file), ``verify`` (true), ``token_env``
    (the environment variable that holds a bearer token).

    Raises:
        SuiteError: One has a wrong value, or the variable is not set.
    """
    retries = request.count("retries", 2)
    if retries > _MOST_RETRIES:
        raise request.wrong("retries", retries, f"a number up to {_MOST_RETRIES}")
    megabytes = _positive(request, "max_response_mb", math.inf)
    ca_file = request.get("ca_file", str, "") or None
    if ca_file is not None and not os.path.isfile(ca_file):  # noqa: PTH113 - text for ssl
        raise request.wrong("ca_file", ca_file, "a file of PEM certificates")
    return Access(
        connect_timeout=_positive(request, "connect_timeout", 5.0),
        timeout=_positive(request, "timeout", 60.0),
        retries=retries,
        max_bytes=None if megabytes == math.inf else math.ceil(megabytes * 2**20),
        ca_file=ca_file,
        verify=request.get("verify", bool, True),
        token=_token(request),
    )


def _positive(request: Options, name: str, default: float) -> float:
    value = request.get(name, object, default)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
        return float(value)
    raise request.wrong(name, value, "a number above 0")


def _token(request: Options) -> str | None:
    name = request.get("token_env", str, "")
    if not name:
        return None
    token = os.environ.get(name, "").strip()
    if not token:
        raise SuiteError(
            f"token_env: the environment variable {name} is not set",
            hint=f"export {name} where the harness runs",
        )
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise SuiteError(
            f"token_env: the environment variable {name} holds no bearer token",
            hint="a token is one word of plain characters",
        )
    return token


def match_url(target: Path | str, pattern: re.Pattern[str], form: str) -> re.Match[str]:
    """The parts of an endpoint's URL.

    Args:
        target: As the suite gives it.
        pattern: That the whole URL must match; it admits no userinfo, no query.
        form: How such URLs look, for the message.

    Raises:
        SuiteError: It looks otherwise.
    """
    text = str(target)
    if found := pattern.fullmatch(text):
        return found
    # Whatever stands before an @ or after a ? may be a secret.
    shown = text.rpartition("@")[2].partition("?")[0]
    raise SuiteError(f"{shown!r} is no URL of this backend", hint=f"it takes {form}")


@contextmanager
def opening(url: str) -> Iterator[ExitStack]:
    """Open an endpoint inside; what was opened is closed if that fails.

    Raises:
        ModelLoadError: The endpoint fails.
    """
    try:
        with ExitStack() as stack:
            yield stack
            stack.pop_all()
    except EndpointError as error:
        raise ModelLoadError(f"{url}: {error.message}", hint=error.hint) from error


class RemoteSession(LiveSession):
    """A model behind an endpoint; closing it closes the connection.

    Args:
        url: Of the endpoint, for messages.
        model: Inputs, outputs and runtime as told, and the call; see `remote_model`.
        close: Frees the connection.
    """

    def __init__(self, model: LoadedModel, close: Callable[[], None]) -> None:
        super().__init__(model)
        self._hang_up = close

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        super().close()
        self._hang_up()


@dataclass(frozen=True, slots=True)
class Interface:
    """What an endpoint tells of its model.

    Attributes:
        inputs: As `Session.inputs`.
        outputs: As `Session.outputs`.
        runtime: As `Session.runtime`.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    runtime: Runtime


def remote_session(
    url: str,
    interface: Interface,
    call: Callable[[Arrays], dict[str, Array]],
    close: Callable[[], None],
) -> RemoteSession:
    """A session over `call`, which answers or raises `EndpointError`."""

    def translate(error: Exception) -> InferenceError:
        assert isinstance(error, EndpointError)  # the only one that is caught
        return InferenceError(f"{url}: {error.message}", hint=error.hint)

    def checked(feeds: Arrays) -> dict[str, Array]:
        answers = call(feeds)
        for spec in interface.outputs:
            _check_answer(spec, answers[spec.name])
        return answers

    model = LoadedModel(
        inputs=interface.inputs,
        outputs=interface.outputs,
        runtime=interface.runtime,
        call=checked,
        errors=(EndpointError,),
        translate=translate,
    )
    return RemoteSession(model, close)


def _check_answer(spec: TensorSpec, array: Array) -> None:
    if spec.shape is None:
        return
    pairs = zip(spec.shape, array.shape, strict=False)
    odd = any(isinstance(told, int) and told != got for told, got in pairs)
    if odd or len(spec.shape) != array.ndim:
        told = ", ".join("?" if s is None else str(s) for s in spec.shape)
        raise EndpointError(
            f"output {spec.name!r} is told as ({told}), answered as {array.shape}",
            "mend the model's description on the server",
        )


def _elements(spec: TensorSpec, n: int) -> int | None:
    """Elements of an output for n samples; None where that is not told."""
    if spec.dtype == "str" or spec.shape is None:
        return None
    sizes = [n if not axis else size for axis, size in enumerate(spec.shape)]
    known = [size for size in sizes if isinstance(size, int)]
    return math.prod(known) if len(known) == len(sizes) else None
