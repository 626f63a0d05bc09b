"""The gRPC server over a real port: who is let in, at which address."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2

from snakepit_bridge.grpc._generated import snakepit_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_pb2_grpc import SnakepitBridgeStub
from snakepit_bridge.grpc.listen import Listen, Tls
from snakepit_bridge.grpc.server import SnakepitBridgeServer, grpc_server
from snakepit_bridge.grpc.transport import GrpcTransport
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.session.context import Session
from snakepit_bridge.transport.envelope import Envelope
from tests.integration.served import TIMEOUT_S, info_of, served
from tests.unit.grpc.certificates import write_certificate
from tests.unit.handlers.bridges import commands_of


class Greeter:
    @handles("greet.say")
    def say(self, session: Session, *, name: str) -> str:
        return f"hello {name} from {session.id}"

    @handles("greet.each")
    async def each(self, session: Session, *, names: list[str]) -> AsyncGenerator[str, None]:
        for name in names:
            yield f"hello {name}"


ADA = {"name": b'"Ada"'}


# --- tokens, certificates -------------------------------------------------------------------------


@pytest.mark.parametrize("requests", ["unary", "stream"])
@pytest.mark.parametrize("responses", ["unary", "stream"])
@pytest.mark.parametrize("sent", [[], [b""]], ids=["nothing sent", "something sent"])
async def test_no_call_of_any_kind_gets_in_without_a_token(
    requests: str, responses: str, sent: list[bytes]
) -> None:
    """A call that sent nothing was once left waiting until its deadline."""
    over = threading.Event()

    def some_requests() -> Iterator[bytes]:
        yield from sent
        assert over.wait(TIMEOUT_S)

    def refusal(address: str, method: str) -> grpc.RpcError:
        with grpc.insecure_channel(address) as channel:
            kind: Any = getattr(channel, f"{requests}_{responses}")
            call = kind(f"/snakepit.SnakepitBridge/{method}")
            request = b"" if requests == "unary" else some_requests()
            with pytest.raises(grpc.RpcError) as caught:
                list(call(request, timeout=TIMEOUT_S))
        return caught.value

    async with served(Greeter(), listen=Listen(port=0, tokens=["good"])) as bridge:
        for method in ("Execute", "ExecuteStream", "Nothing"):
            error: Any = await asyncio.to_thread(refusal, bridge.address, method)

            assert error.code() is grpc.StatusCode.UNAUTHENTICATED
            assert "authorization: Bearer" in error.details()
        over.set()


async def test_a_refusal_is_a_failure_like_any_other() -> None:
    async with served(Greeter(), listen=Listen(port=0, tokens=["good"])) as bridge:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await bridge.execute("greet.say", args=ADA)

    assert info_of(caught.value).reason == "UNAUTHENTICATED"
    assert "good" not in (caught.value.details() or "")


async def test_a_token_lets_in_values_and_streams_and_health_needs_none() -> None:
    metadata = (("authorization", "Bearer new"),)
    one = pb.ExecuteRequest(command="greet.say", args=ADA, session_id="s", encoding="json")
    each = pb.ExecuteRequest(command="greet.each", args={"names": b'["Bob"]'}, encoding="json")

    async with served(Greeter(), listen=Listen(port=0, tokens=["old", "new"])) as bridge:
        answer = await bridge.stub.Execute(one, metadata=metadata, timeout=TIMEOUT_S)
        stream = bridge.stub.ExecuteStream(each, metadata=metadata, timeout=TIMEOUT_S)
        messages = [message async for message in stream]
        check: Any = bridge.channel.unary_unary("/grpc.health.v1.Health/Check")
        checked = health_pb2.HealthCheckResponse.FromString(await check(b"", timeout=TIMEOUT_S))

    assert json.loads(answer.value) == "hello Ada from s"
    assert len(messages) == 2
    assert checked.status == health_pb2.HealthCheckResponse.SERVING


async def test_with_mutual_tls_only_a_caller_with_a_certificate_gets_in(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    tls = Tls(certificate=certificate, key=key, client_ca=certificate)
    authority = certificate.read_bytes()
    with_one = grpc.ssl_channel_credentials(authority, key.read_bytes(), authority)
    without = grpc.ssl_channel_credentials(authority)
    request = pb.ExecuteRequest(command="greet.say", args=ADA, session_id="s", encoding="json")

    async with grpc_server(commands_of(Greeter()), Listen(port=0, tls=tls), drain_s=0) as address:
        async with grpc.aio.secure_channel(address, with_one) as channel:
            answer = await SnakepitBridgeStub(channel).Execute(request, timeout=TIMEOUT_S)
        async with grpc.aio.secure_channel(address, without) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await SnakepitBridgeStub(channel).Execute(request, timeout=TIMEOUT_S)

    assert json.loads(answer.value) == "hello Ada from s"
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


# --- addresses -----------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_named() -> None:
    with SnakepitBridgeServer(commands_of(Greeter()), port=0) as first:
        second = SnakepitBridgeServer(commands_of(Greeter()), port=first.port)
        with pytest.raises(OSError, match=rf"cannot listen on 127\.0\.0\.1:{first.port}"):
            second.__enter__()


async def test_a_server_may_listen_on_a_unix_socket(tmp_path: Path) -> None:
    listen = Listen(uds=tmp_path / "bridge.sock")

    async with asyncio.timeout(10), GrpcTransport(listen).serving(commands_of(Greeter())) as end:
        async with end.connect() as connection:
            reply = await connection.call(Envelope(command="greet.say", args=ADA, session_id="s"))
        async with SnakepitBridgeServer(commands_of(), listen=Listen(uds=tmp_path / "b")) as server:
            assert server.port == 0

    assert end.address == f"unix:{tmp_path}/bridge.sock"
    assert reply.encoded is not None
    assert json.loads(reply.encoded.value) == "hello Ada from s"
