"""HTTP to an endpoint: kept alive, bounded in time and bytes, never redirected.

urllib3 alone, without what browsers do for their users: no proxy, no password file and
no cookie is taken from the environment.
"""

from __future__ import annotations

import json
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InsecureRequestWarning,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from harness.backends.remote import EndpointError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.backends.remote import Access

_BUSY = frozenset({502, 503, 504})
_LOST = (ConnectTimeoutError, NewConnectionError, ProtocolError)
_BLOCK = 1 << 16
_MOST_OF_AN_ERROR = 1 << 16
_MOST_OF_A_DESCRIPTION = 16 << 20


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, received whole.

    Attributes:
        status: HTTP status.
        headers: By name, in any case.
        body: Of an error, its beginning.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Question:
    """A request, and the most bytes that its answer may have."""

    method: str
    url: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    limit: int = _MOST_OF_A_DESCRIPTION


class HttpClient:
    """One endpoint's connection.

    Args:
        access: Its limits.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._timeout = urllib3.Timeout(
            connect=access.connect_timeout, read=access.timeout
        )
        self._pool = urllib3.PoolManager(
            num_pools=1,
            cert_reqs="CERT_REQUIRED" if access.verify else "CERT_NONE",
            ca_certs=access.ca_file,
        )
        self._headers = {
            "Accept": "application/json, application/octet-stream",
            "Accept-Encoding": "identity",
            "User-Agent": "model-quality-harness",
        }
        if access.token:
            self._headers["Authorization"] = f"Bearer {access.token}"

    def describe(self, url: str) -> dict[str, Any]:
        """The JSON object that a GET answers.

        Raises:
            EndpointError: There is none.
        """
        return self.json_of(self._answer(_Question("GET", url)))

    def status(self, url: str) -> int:
        """The HTTP status that a GET answers, as health checks do.

        Raises:
            EndpointError: Nothing answers.
        """
        return self._tried(_Question("GET", url)).status

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], limit: int
    ) -> Reply:
        """What a POST answers, of at most `limit` bytes.

        Raises:
            EndpointError: It fails, or its answer is longer.
        """
        return self._answer(_Question("POST", url, body, headers, limit))

    def json_of(self, reply: Reply, length: int | None = None) -> dict[str, Any]:
        """The JSON object in an answer, or in its first `length` bytes.

        Raises:
            EndpointError: It holds something else.
        """
        kind = reply.headers.get("Content-Type", "nothing said")
        text = reply.body[:length]
        if "json" not in kind and length is None:
            raise self._odd(f"answers {kind} where JSON was expected", text)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._odd("answers what is no JSON", text) from error
        if not isinstance(found, dict):
            raise self._odd("answers JSON that is no object", text)
        return found

    def close(self) -> None:
        """Close the connection."""
        self._pool.clear()

    def _odd(self, what: str, text: bytes) -> EndpointError:
        shown = self._access.shown(text.decode(errors="replace"))
        return EndpointError(f"{what}: {shown!r}", "check the URL, and what answers it")

    def _answer(self, question: _Question) -> Reply:
        reply = self._tried(question)
        if reply.status != 200:
            raise self._refusal(reply)
        return reply

    def _tried(self, question: _Question) -> Reply:
        """Ask, and again where the connection was lost or the server was busy.

        To describe and to infer changes nothing on the server, so that asking twice
        does no harm; a time-out is not tried again, it would time out again.
        """
        with self._translated():
            for wait in self._access.waits():
                try:
                    reply = self._once(question)
                except _LOST:
                    time.sleep(wait)
                    continue
                if reply.status not in _BUSY:
                    return reply
                time.sleep(wait)
            return self._once(question)

    def _once(self, question: _Question) -> Reply:
        deadline = time.monotonic() + self._access.timeout
        with self._quiet():
            response = self._pool.urlopen(
                question.method,
                question.url,
                body=question.body,
                headers={**self._headers, **question.headers},
                timeout=self._timeout,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
        try:
            data = self._received(response, question.limit, deadline)
        except BaseException:
            # What is left unread must not be taken for the next answer.
            response.close()
            raise
        response.release_conn()
        return Reply(response.status, response.headers, data)

    def _received(
        self, response: urllib3.BaseHTTPResponse, limit: int, deadline: float
    ) -> bytes:
        """The body, block by block: neither a drip nor a flood goes on for ever."""
        if response.status != 200:
            return self._beginning(response, deadline)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise EndpointError(
                "answers compressed, though that was not asked for",
                "switch compression off on the server",
            )
        if response.length_remaining is not None and response.length_remaining > limit:
            raise _too_long(response.length_remaining, limit)
        blocks = []
        room = limit
        for block in self._blocks(response, deadline):
            room -= len(block)
            if room < 0:
                raise _too_long(None, limit)
            blocks.append(block)
        return b"".join(blocks)

    def _beginning(self, response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
        """The first bytes of an error; nobody reads further."""
        text = b""
        for block in self._blocks(response, deadline):
            text += block
            if len(text) >= _MOST_OF_AN_ERROR:
                response.close()
                break
        return text

    def _blocks(
        self, response: urllib3.BaseHTTPResponse, deadline: float
    ) -> Iterator[bytes]:
        while block := response.read1(_BLOCK):
            if time.monotonic() > deadline:
                raise self._late()
            yield block

    def _late(self) -> EndpointError:
        return EndpointError(
            f"has not answered within {self._access.timeout:g} s",
            "raise the option timeout, or make batch_size smaller",
        )

    def _refusal(self, reply: Reply) -> EndpointError:
        status = reply.status
        if 300 <= status < 400:
            to = self._access.shown(reply.headers.get("Location", "nowhere"))
            return EndpointError(
                f"redirects to {to}", "if you trust that place, give its URL instead"
            )
        said = self._access.shown(_error_text(reply.body)) or "nothing"
        hints = {
            401: "name the variable that holds a token: options.token_env",
            403: "ask for access; the token is taken from options.token_env",
            404: "check the model's name and version in the URL",
        }
        busy = "the server may be starting or overloaded; try again"
        hint = hints.get(status, busy if status in _BUSY else "see the server's log")
        return EndpointError(f"answers {status}: {said}", hint)

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """No warning at each call of what the suite asked for and the record tells."""
        with warnings.catch_warnings():
            if not self._access.verify:
                warnings.simplefilter("ignore", InsecureRequestWarning)
            yield

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except ReadTimeoutError as error:
            raise self._late() from error
        except NewConnectionError as error:
            raise EndpointError(
                f"cannot be reached: {self._access.shown(_reason(error))}",
                "start the server, or check host and port",
            ) from error
        except ConnectTimeoutError as error:
            raise EndpointError(
                f"cannot be reached within {self._access.connect_timeout:g} s",
                "check host and port, or raise the option connect_timeout",
            ) from error
        except SSLError as error:
            raise EndpointError(
                f"is not trusted: {self._access.shown(str(error))}",
                "name the certificate of its authority: options.ca_file",
            ) from error
        except HTTPError as error:
            raise EndpointError(
                f"breaks off: {self._access.shown(str(error))}", "see the server's log"
            ) from error


def _too_long(length: int | None, limit: int) -> EndpointError:
    found = "more" if length is None else f"{length} bytes"
    return EndpointError(
        f"answers {found}, where {limit} bytes are the most",
        "raise the option max_response_mb if the model's outputs are that large",
    )


def _error_text(body: bytes) -> str:
    """What an error says: its ``error`` in JSON, else all of it."""
    text = body.decode(errors="replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    said = found.get("error", text) if isinstance(found, dict) else text
    return said if isinstance(said, str) else text


def _reason(error: NewConnectionError) -> str:
    """The system's words, without urllib3's objects."""
    cause = error.__cause__ or error.__context__
    return str(cause or error)
