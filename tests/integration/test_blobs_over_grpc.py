"""Blobs in the messages of a real gRPC port, with our own client and with plain protobuf."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc
import numpy as np
import pytest

from snakepit_bridge.client import connect
from snakepit_bridge.errors import BridgeError
from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_pb2_grpc import (
    SnakepitBridgeStub,
    add_SnakepitBridgeServicer_to_server,
)
from snakepit_bridge.grpc.blob_handlers import WireHandlers
from snakepit_bridge.grpc.connection import GrpcConnection, grpc_connection
from snakepit_bridge.grpc.service import SnakepitBridgeService
from snakepit_bridge.transport.dispatcher import Dispatcher
from snakepit_bridge.transport.envelope import Envelope, Reply
from snakepit_bridge.values import Encoded
from snakepit_bridge.values.blob import Blob
from tests.integration.bridge_process import MIB, bridge_process
from tests.integration.served import TIMEOUT_S, info_of

BLOBS = [
    Blob(kind="tensor", dtype="float32", shape=(2, 1), data=b"\x00\x00\x80?" * 2),
    Blob(kind="bytes", data=bytes(range(256)) * 1000),
    Blob(kind="arrow", dtype="pandas", handle="elsewhere"),
]

RPCS = ["Execute", "ExecuteStream", "ExecuteInSession", "ExecuteInSessionStream"]


class Echo:
    """Takes the place of a dispatcher: answers with the blobs that came."""

    def __init__(self) -> None:
        self.came: list[Envelope] = []
        self.leases = None
        self.handler = SimpleNamespace(worker_id="w1")

    async def run(self, envelope: Envelope) -> Reply:
        self.came.append(envelope)
        return Reply(encoded=Encoded(b"{}", blobs=envelope.blobs))

    async def stream(self, envelope: Envelope) -> AsyncGenerator[Reply, None]:
        self.came.append(envelope)
        for blob in envelope.blobs:
            yield Reply(encoded=Encoded(b"{}", blobs=[blob]), is_final=False)
        yield Reply(metadata={})


@asynccontextmanager
async def echoing(echo: Echo) -> AsyncIterator[str]:
    server = grpc.aio.server()
    service = SnakepitBridgeService(cast("Dispatcher", echo))
    add_SnakepitBridgeServicer_to_server(service, WireHandlers(server))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


async def _answers(connection: GrpcConnection, envelope: Envelope, form: str) -> list[Blob]:
    if form == "call":
        replies = [await connection.call(envelope)]
    else:
        replies = [reply async for reply in connection.stream(envelope)]
    return [blob for reply in replies if reply.encoded for blob in reply.encoded.blobs]


# --- there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["call", "stream"])
async def test_blobs_come_back_as_they_went(form: str) -> None:
    echo = Echo()
    async with echoing(echo) as address, grpc_connection(address) as connection:
        envelope = Envelope(command="c", blobs=BLOBS, timeout_s=TIMEOUT_S)
        back = await _answers(connection, envelope, form)

    assert back == BLOBS
    assert list(echo.came[0].blobs) == BLOBS


async def test_large_data_are_not_copied_out_of_their_message() -> None:
    echo = Echo()
    async with echoing(echo) as address, grpc_connection(address) as connection:
        (_, back, _) = await _answers(connection, Envelope(command="c", blobs=BLOBS), "call")

    (_, came, _) = echo.came[0].blobs
    assert isinstance(came.data, memoryview)
    assert isinstance(back.data, memoryview)


@pytest.mark.parametrize("rpc", RPCS)
async def test_a_client_of_plain_protobuf_sends_and_gets_blobs(rpc: str) -> None:
    kind = pb.SessionRequest if "Session" in rpc else pb.ExecuteRequest
    wires = [
        pb.Blob(
            kind=blob.kind,
            dtype=blob.dtype,
            shape=blob.shape,
            data=bytes(blob.data),
            handle=blob.handle,
        )
        for blob in BLOBS
    ]
    echo = Echo()
    async with echoing(echo) as address, grpc.aio.insecure_channel(address) as channel:
        stub: Any = SnakepitBridgeStub(channel)
        call = getattr(stub, rpc)(kind(command="c", session_id="s", blobs=wires), timeout=TIMEOUT_S)
        answers = [each async for each in call] if "Stream" in rpc else [await call]

    assert [blob for answer in answers for blob in answer.blobs] == wires
    assert list(echo.came[0].blobs) == BLOBS


@pytest.mark.parametrize("encoding", ["tagged", "msgpack"])
async def test_an_array_comes_back_through_the_whole_bridge(encoding: str, tmp_path: Path) -> None:
    array = np.arange(300_000, dtype=np.float32).reshape(1000, 300)
    with bridge_process(tmp_path) as bridge:
        async with connect(bridge.target, encoding=encoding) as client:
            back = await client.call("system.echo", {"value": array}, timeout_s=TIMEOUT_S)

    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert (back == array).all()


async def test_an_array_in_a_message_takes_at_most_five_times_its_size(tmp_path: Path) -> None:
    size = 48 * MIB
    blob = Blob(kind="tensor", dtype="uint8", shape=(size,), data=bytes(size))
    value = b'{"__type__": "blob", "index": 0}'
    envelope = Envelope(
        command="system.echo",
        args={"value": value},
        encoding="tagged",
        blobs=[blob],
        timeout_s=TIMEOUT_S,
    )
    with bridge_process(tmp_path) as bridge:
        async with grpc_connection(bridge.target) as connection:
            resident = bridge.resident_mib()
            reply = await connection.call(envelope)
            taken = bridge.peak_mib() - resident

    assert reply.encoded is not None
    assert [each.nbytes for each in reply.encoded.blobs] == [size]
    assert taken <= 5 * size // MIB


# --- bytes that are no message -------------------------------------------------------------------

_PADDING = pb.ExecuteRequest(blobs=[pb.Blob(data=bytes(100_000))]).SerializeToString()


@pytest.mark.parametrize("rpc", RPCS)
@pytest.mark.parametrize("padding", [b"", _PADDING])
@pytest.mark.parametrize(
    "damage", [b"\xff", b"\x0a\x02\xff\xfe", b"\x4a\xff\xff\xff\xff\x7f", b"\x4a\x04\x22\x7fab"]
)
async def test_bytes_that_are_no_request_are_a_wrong_argument(
    damage: bytes, padding: bytes, rpc: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with echoing(Echo()) as address, grpc.aio.insecure_channel(address) as channel:
        path = f"/snakepit.SnakepitBridge/{rpc}"
        raw: Any = channel.stream_stream(path)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            _ = [each async for each in raw(iter([padding + damage]), timeout=TIMEOUT_S)]
        stub: Any = SnakepitBridgeStub(channel)
        after = await stub.Execute(pb.ExecuteRequest(command="c"), timeout=TIMEOUT_S)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert info_of(caught.value).reason == "INVALID_ARGUMENT"
    assert after.success
    # gRPC's own poller now and then tells asyncio of a wake-up that somebody else had read.
    assert not [each for each in caplog.records if each.name.startswith(("grpc", "snakepit"))]


@pytest.mark.parametrize("form", ["call", "stream"])
@pytest.mark.parametrize("padding", [b"", _PADDING])
async def test_an_answer_that_is_none_is_an_error(padding: bytes, form: str) -> None:
    async def garbage(*_: object) -> bytes:
        return padding + b"\xff"

    async def garbage_each(*_: object) -> AsyncIterator[bytes]:
        yield padding + b"\xff"

    one: Any = grpc.unary_unary_rpc_method_handler(garbage)
    each: Any = grpc.unary_stream_rpc_method_handler(garbage_each)
    handlers = {"Execute": one, "ExecuteStream": each}
    server = grpc.aio.server()
    generic = grpc.method_handlers_generic_handler("snakepit.SnakepitBridge", handlers)
    server.add_generic_rpc_handlers((generic,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc_connection(f"127.0.0.1:{port}") as connection:
        with pytest.raises(BridgeError, match="'c' cannot be read"):
            await _answers(connection, Envelope(command="c"), form)
    await server.stop(0)
