from __future__ import annotations

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from snakepit_bridge.errors import (
    BlobNotFoundError,
    BridgeError,
    ErrorCode,
    HostUnavailableError,
    QuotaExceededError,
)
from snakepit_bridge.grpc.call_errors import error_of, told_error
from snakepit_bridge.grpc.status import DETAILS_KEY, status_details, status_text
from snakepit_bridge.transport.failures import failure_of


def _error(
    code: grpc.StatusCode, details: str | None = "so it is", trailer: str | bytes = b""
) -> grpc.aio.AioRpcError:
    trailers = grpc.aio.Metadata(("other", "x"), (DETAILS_KEY, trailer))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailers, details)


def _told(error: BridgeError) -> grpc.aio.AioRpcError:
    failure = failure_of(error)
    text = status_text(failure)
    return _error(grpc.StatusCode.INTERNAL, text, status_details(failure, text))


def test_what_the_bridge_has_told_is_raised_as_it_was() -> None:
    error = BlobNotFoundError("Nothing is there.", {"hint": "Send it."})

    told = told_error(_told(error))

    assert isinstance(told, BlobNotFoundError)
    assert (told.message, told.hint) == ("Nothing is there.", "Send it.")
    assert (told.error_id, told.retryable) == (error.error_id, False)
    assert told.code is ErrorCode.BLOB_NOT_FOUND


@pytest.mark.parametrize("retryable", [True, False])
def test_the_bridge_says_whether_to_try_again(*, retryable: bool) -> None:
    error = QuotaExceededError("It is full.")
    error.retryable = retryable

    told = told_error(_told(error))

    assert isinstance(told, QuotaExceededError)
    assert told.retryable is retryable


def _packed(info: ErrorInfo) -> bytes:
    packed = any_pb2.Any()
    packed.Pack(info)
    serialized: bytes = Status(details=[packed]).SerializeToString()
    return serialized


@pytest.mark.parametrize(
    "trailer",
    [
        b"",
        b"\xff",
        "text",
        Status(details=[any_pb2.Any(type_url="a/b")]).SerializeToString(),
        _packed(ErrorInfo(reason="INTERNAL", domain="elsewhere")),
    ],
)
def test_what_somebody_else_has_told_is_not_the_bridges(trailer: str | bytes) -> None:
    assert told_error(_error(grpc.StatusCode.INTERNAL, trailer=trailer)) is None


def test_a_status_without_trailers_is_not_the_bridges() -> None:
    none = grpc.aio.Metadata()

    assert told_error(grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, none, none)) is None


def test_a_status_becomes_the_error_of_its_kind() -> None:
    error = error_of(_error(grpc.StatusCode.UNAVAILABLE), "b:1", "c")

    assert isinstance(error, HostUnavailableError)
    assert error.message == "The bridge at b:1 cannot be reached: so it is"
    assert error.details["status"] == "UNAVAILABLE"
    assert "serve" in error.hint


def test_a_message_that_could_not_be_sent_says_that_the_bridge_is_away() -> None:
    error = error_of(_error(grpc.StatusCode.INTERNAL, "Internal error from Core"), "b:1", "c")

    assert isinstance(error, HostUnavailableError)
    assert error.details["status"] == "UNAVAILABLE"


def test_a_message_that_is_too_large_is_too_large_the_next_time() -> None:
    error = error_of(_error(grpc.StatusCode.RESOURCE_EXHAUSTED), "b:1", "c")

    assert isinstance(error, QuotaExceededError)
    assert not error.retryable


def test_any_other_status_is_an_error_of_the_call() -> None:
    error = error_of(_error(grpc.StatusCode.DATA_LOSS, None), "b:1", "c")

    assert type(error) is BridgeError
    assert error.message == "The call of 'c' failed: no details"
    assert error.hint == ""
