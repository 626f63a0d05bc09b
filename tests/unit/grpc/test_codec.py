from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.errors import BridgeError, Outcome
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc.blob_wire import WithBlobs, message_of, writing
from snakepit_bridge.grpc.codec import (
    Request,
    envelope_from,
    message_from,
    reply_from,
    request_from,
    response_from,
)
from snakepit_bridge.telemetry.propagation import NOTHING
from snakepit_bridge.transport.envelope import Envelope, Failure, Reply
from snakepit_bridge.transport.failures import failure_of
from snakepit_bridge.values import Encoded
from snakepit_bridge.values.blob import Blob

if TYPE_CHECKING:
    from grpc.aio import ServicerContext


class Call:
    """What gRPC knows of a call besides its request."""

    def __init__(
        self, remaining_s: float | None = None, headers: tuple[tuple[str, str | bytes], ...] = ()
    ) -> None:
        self._remaining_s = remaining_s
        self._headers = headers

    def time_remaining(self) -> float | None:
        return self._remaining_s

    def invocation_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        return self._headers


def _envelope(request: Request | WithBlobs[Request], call: Call | None = None) -> Envelope:
    # A context has twenty methods; these two are asked.
    return envelope_from(request, cast("ServicerContext[object, object]", call or Call()))


def _response(reply: Reply) -> pb.ExecuteResponse:
    return message_of(response_from(reply, "r"))


# --- requests -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [pb.ExecuteRequest, pb.SessionRequest])
def test_a_request_says_what_to_do(kind: type[Request]) -> None:
    request = kind(
        command="greet.say",
        args={"name": b'"Ada"'},
        session_id="s",
        request_id="r",
        metadata={"key": "value"},
        encoding="json",
    )

    envelope = _envelope(request)

    assert (envelope.command, dict(envelope.args)) == ("greet.say", {"name": b'"Ada"'})
    assert (envelope.session_id, envelope.request_id) == ("s", "r")
    assert (dict(envelope.metadata), envelope.encoding) == ({"key": "value"}, "json")
    assert envelope.timeout_s is None
    assert envelope.trace_context is NOTHING


def test_an_old_request_asks_for_the_old_convention() -> None:
    assert _envelope(pb.ExecuteRequest(command="greet.say")).encoding == ""


@pytest.mark.parametrize(
    ("timeout_ms", "remaining_s", "timeout_s"),
    [
        (0, None, None),
        (1500, None, 1.5),
        (0, 2.0, 2.0),
        (1500, 2.0, 1.5),
        (2500, 2.0, 2.0),
        (1500, 0.0, 0.0),
        (-1, None, -0.001),
    ],
)
def test_the_smaller_of_both_time_limits_holds(
    timeout_ms: int, remaining_s: float | None, timeout_s: float | None
) -> None:
    request = pb.ExecuteRequest(timeout_ms=timeout_ms)

    assert _envelope(request, Call(remaining_s)).timeout_s == timeout_s


def test_the_callers_span_comes_in_headers() -> None:
    call = Call(
        headers=(
            ("traceparent", "00-1-2-01"),
            ("baggage", "a=b"),
            ("x-other", "no"),
            ("k-bin", b"x"),
        )
    )

    envelope = _envelope(pb.ExecuteRequest(), call)

    assert envelope.trace_context == {"traceparent": "00-1-2-01", "baggage": "a=b"}


def test_an_envelope_becomes_the_request_it_came_from() -> None:
    envelope = Envelope(
        command="greet.say",
        args={"name": b'"Ada"'},
        encoding="json",
        session_id="s",
        timeout_s=1.5,
        request_id="r",
        metadata={"key": "value"},
    )

    request = message_of(request_from(envelope))

    assert request.in_band_errors
    assert _envelope(request) == envelope


@pytest.mark.parametrize(
    ("timeout_s", "timeout_ms"),
    [(None, 0), (0.0001, 1), (0, 1), (-1, 1), (1e9, 2**31 - 1), (float("inf"), 2**31 - 1)],
)
def test_what_is_left_of_a_deadline_is_never_sent_as_no_deadline(
    timeout_s: float | None, timeout_ms: int
) -> None:
    request = message_of(request_from(Envelope(command="c", timeout_s=timeout_s)))

    assert request.timeout_ms == timeout_ms


# --- answers ------------------------------------------------------------------------------------


def test_a_value_is_answered_in_one_piece_or_in_parts() -> None:
    whole = _response(Reply(encoded=Encoded(b"42"), metadata={"run_ms": "1"}))
    parts = _response(Reply(encoded=Encoded(parts={"a": b"1"})))

    assert (whole.success, whole.value, dict(whole.result)) == (True, b"42", {})
    assert (whole.request_id, dict(whole.metadata)) == ("r", {"run_ms": "1"})
    assert whole.timestamp > 1_700_000_000_000_000_000
    assert (parts.value, dict(parts.result)) == (b"", {"a": b"1"})


def test_a_failure_is_answered_whole() -> None:
    error = BridgeError("It broke.", {"hint": "Look there.", "fact": [1]})
    error.foreign_type, error.foreign_traceback = "ValueError", "Traceback: ..."
    error.retry_after_s, error.retryable, error.outcome = 1.5, True, Outcome.STOPPED

    response = _response(Reply(failure=failure_of(error)))

    assert not response.success
    assert response.error == "It broke. Look there."
    assert response.failure == pb.Failure(
        code="INTERNAL",
        type="ValueError",
        message="It broke.",
        hint="Look there.",
        details_json='{"fact":[1],"outcome":"stopped"}',
        traceback="Traceback: ...",
        retryable=True,
        retry_after_ms=1500,
        error_id=error.error_id,
    )


def test_the_messages_of_a_stream_are_counted_and_the_last_one_is_marked() -> None:
    item = message_of(message_from(Reply(encoded=Encoded(b"1"), is_final=False), "r", 0))
    end = message_of(message_from(Reply(metadata={"run_ms": "1"}), "r", 1))

    assert (item.chunk_index, item.is_final, item.value) == (0, False, b"1")
    assert (end.chunk_index, end.is_final, end.value) == (1, True, b"")
    assert dict(end.metadata) == {"run_ms": "1"}


# --- there and back -----------------------------------------------------------------------------


_ENCODED = st.builds(Encoded, st.binary(min_size=1)) | st.builds(
    Encoded, st.just(b""), st.dictionaries(st.text(st.characters(codec="utf-8")), st.binary())
)


@given(encoded=_ENCODED)
def test_an_answer_arrives_as_it_was_given(encoded: Encoded) -> None:
    reply = Reply(encoded=encoded, metadata={"run_ms": "1"})

    assert reply_from(response_from(reply, "r")) == reply


@given(encoded=_ENCODED)
def test_an_item_arrives_as_it_was_given(encoded: Encoded) -> None:
    reply = Reply(encoded=encoded, is_final=False, metadata={})

    assert reply_from(message_from(reply, "r", 0)) == reply


def test_the_empty_end_of_a_stream_arrives_as_nothing() -> None:
    assert reply_from(message_from(Reply(metadata={}), "r", 3)) == Reply(metadata={})


@pytest.mark.parametrize("streams", [False, True])
def test_a_failure_arrives_as_it_was_given(*, streams: bool) -> None:
    error = BridgeError("It broke.", {"hint": "Look there.", "fact": [1]})
    error.outcome, error.retry_after_s = Outcome.KILLED, 0.25
    reply = Reply(failure=failure_of(error), metadata={"error_id": error.error_id})

    answer = message_from(reply, "r", 0) if streams else response_from(reply, "r")
    again = reply_from(answer)

    assert again.encoded is None
    assert again.failure is not None
    assert msgspec.structs.replace(again.failure, details={}) == msgspec.structs.replace(
        failure_of(error), details={}
    )
    assert again.failure.details == {"fact": [1], "outcome": "killed"}


@given(text=st.text(st.characters()), code=st.text(st.characters()))
def test_a_text_that_is_no_text_travels_as_its_escapes(text: str, code: str) -> None:
    failure = Failure(code=code, type=text, message=text, hint=text, traceback=text, error_id=code)

    answer = _response(Reply(failure=failure))

    shown = text.encode(errors="backslashreplace").decode()
    again = reply_from(pb.ExecuteResponse.FromString(answer.SerializeToString())).failure
    assert again is not None
    assert (again.message, again.hint, again.type, again.traceback) == (shown,) * 4


# --- blobs --------------------------------------------------------------------------------------

BLOBS = [
    Blob(kind="tensor", dtype="float32", shape=(2, 1), data=b"\x00\x00\x80?" * 2),
    Blob(kind="bytes", handle="elsewhere"),
]

WIRE_BLOBS = [
    pb.Blob(kind="tensor", dtype="float32", shape=[2, 1], data=b"\x00\x00\x80?" * 2),
    pb.Blob(kind="bytes", handle="elsewhere"),
]


@pytest.mark.parametrize("kind", [pb.ExecuteRequest, pb.SessionRequest])
def test_a_request_brings_its_blobs(kind: type[Request]) -> None:
    assert _envelope(kind(blobs=WIRE_BLOBS)).blobs == BLOBS
    assert _envelope(WithBlobs(kind(), BLOBS)).blobs == BLOBS
    assert not _envelope(kind()).blobs


def test_an_envelope_takes_its_blobs_along() -> None:
    envelope = Envelope(command="c", blobs=BLOBS)

    request = pb.ExecuteRequest.FromString(writing(request_from(envelope)))

    assert list(request.blobs) == WIRE_BLOBS
    assert request.command == "c"


def test_answers_and_items_bring_the_blobs_of_their_values() -> None:
    reply = Reply(encoded=Encoded(b"{}", blobs=BLOBS))

    answer = pb.ExecuteResponse.FromString(writing(response_from(reply, "r")))
    item = pb.StreamResponse.FromString(writing(message_from(reply, "r", 0)))

    assert (list(answer.blobs), answer.value) == (WIRE_BLOBS, b"{}")
    assert (list(item.blobs), item.value) == (WIRE_BLOBS, b"{}")
    assert reply_from(answer) == reply_from(item) == Reply(encoded=reply.encoded, metadata={})


def test_an_empty_value_with_blobs_is_a_value() -> None:
    reply = Reply(encoded=Encoded(b"", blobs=BLOBS), metadata={})

    assert reply_from(message_from(reply, "r", 0)) == reply


# --- old and new clients ------------------------------------------------------------------------


def test_fields_of_a_newer_client_are_passed_over() -> None:
    # Field 99, a text; field 100, a number.
    newer = b"\x9a\x06\x05later\xa0\x06\x01"

    request = pb.ExecuteRequest.FromString(b"\x0a\x09greet.say" + newer)

    assert _envelope(request).command == "greet.say"
