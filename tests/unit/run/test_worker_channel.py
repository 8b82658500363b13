"""Messages between two processes: whole, bounded, and never code."""

from __future__ import annotations

import datetime as dt
import json
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core import errors
from harness.run.isolation.channel import Channel, error_message, error_of

SCALARS = st.none() | st.booleans() | st.integers() | st.text()
JSON = st.recursive(
    SCALARS | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.fixture
def ends():
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@given(st.dictionaries(st.text(), JSON))
def test_a_message_arrives_as_it_was_sent(message):
    one, other = socket.socketpair()
    with one, other:
        Channel(one).send(message)
        assert Channel(other).receive() == message


def test_messages_arrive_in_their_order_and_then_none(ends):
    one, other = ends
    sent = [{"n": n, "text": "x" * 1000 * n} for n in range(5)]
    for message in sent:
        Channel(one).send(message)
    one.close()
    channel = Channel(other)
    assert [channel.receive() for _ in sent] == sent
    assert channel.receive() is None


@pytest.mark.parametrize("cut", [2, 4, 9])
def test_a_message_that_is_cut_short_is_no_message(ends, cut):
    one, other = ends
    one.sendall(((20).to_bytes(4, "big") + b'{"a": "0123456789"}')[:cut])
    one.close()
    assert Channel(other).receive() is None


@pytest.mark.parametrize("body", [b"[1, 2]", b"nonsense", b'"text"', b"\xff\xfe"])
def test_what_is_no_message_is_refused(ends, body):
    one, other = ends
    one.sendall(len(body).to_bytes(4, "big") + body)
    with pytest.raises(ValueError):  # noqa: PT011 - of several kinds, each with its text
        Channel(other).receive()


def test_a_length_beyond_reason_is_refused_unread(ends):
    one, other = ends
    one.sendall(b"\xff\xff\xff\xff")
    with pytest.raises(ValueError, match="4294967295 bytes"):
        Channel(other).receive()


def test_dates_of_a_suite_go_as_text(ends):
    one, other = ends
    Channel(one).send({"day": dt.date(2020, 1, 2)})
    assert Channel(other).receive() == {"day": "2020-01-02"}


@pytest.mark.parametrize(
    "kind", [errors.SuiteError, errors.InferenceError, errors.WorkerOutOfMemory]
)
def test_errors_of_ours_keep_their_kind(kind):
    error = error_of(json.loads(json.dumps(error_message(kind("what", hint="next")))))
    assert type(error) is kind
    assert (error.message, error.hint) == ("what", "next")


def test_a_message_without_an_error_has_none():
    assert error_of({"answers": []}) is None


@pytest.mark.parametrize(
    "told",
    [
        {"kind": "SystemExit", "message": "", "hint": ""},
        {"kind": "annotations", "message": "", "hint": ""},
        {"kind": "QualityRegression", "message": "", "hint": ""},
        {"kind": "InferenceError"},
        "InferenceError",
    ],
)
def test_an_error_of_no_known_kind_is_refused(told):
    with pytest.raises(ValueError, match="no kind that we know"):
        error_of({"error": told})
