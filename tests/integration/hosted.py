"""A bridge that is its own host, behind a real gRPC port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import grpc
from google.protobuf.any_pb2 import Any as WireValue

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import (
    BridgeServiceServicer,
    BridgeServiceStub,
    add_BridgeServiceServicer_to_server,
)
from snakepit_bridge.grpc.bridge_hosting import HostingRpcs
from snakepit_bridge.grpc.bridge_sessions import LocalSessions
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.limits import SessionLimits
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.testing import FakeClock

TIMEOUT_S = 10.0
"""Bounds a call that hangs; no test waits for it."""


class _Sessions(BridgeServiceServicer):
    """The rest of the service, as much of it as a client of a host may call."""

    def __init__(self, sessions: SessionManager) -> None:
        self._keeper = LocalSessions(sessions)

    async def InitializeSession(  # noqa: N802  (the name on the wire)
        self, request: Any, context: Any
    ) -> Any:
        return await self._keeper.begin(request)

    async def CleanupSession(  # noqa: N802
        self, request: Any, context: Any
    ) -> Any:
        return await self._keeper.end(request)


class _Service(HostingRpcs, _Sessions):
    def __init__(self, host: EmbeddedHost, sessions: SessionManager) -> None:
        HostingRpcs.__init__(self, host, sessions)
        _Sessions.__init__(self, sessions)


class Hosted(NamedTuple):
    """What is served, and the way to it."""

    address: str
    service: HostingRpcs
    host: EmbeddedHost
    sessions: SessionManager
    stub: Any
    """Of ``BridgeService``."""

    clock: FakeClock

    async def call(self, rpc: str, session_id: str = "s", **fields: Any) -> Any:
        """Call an RPC with a request of these fields."""
        service = pb.DESCRIPTOR.services_by_name["BridgeService"]
        request_type = getattr(pb, service.methods_by_name[rpc].input_type.name)
        request = request_type(session_id=session_id, **fields)
        return await getattr(self.stub, rpc)(request, timeout=TIMEOUT_S)

    async def register(self, name: str, text: str, type_name: str = "", **fields: Any) -> str:
        """Create a variable whose value is this JSON text; its id."""
        answer = await self.call(
            "RegisterVariable", name=name, type=type_name, initial_value=value(text), **fields
        )
        assert answer.success
        return str(answer.variable_id)

    async def set(self, name: str, text: str, **fields: Any) -> int:
        """Set a variable to this JSON text; its version."""
        answer = await self.call(
            "SetVariable", variable_identifier=name, value=value(text), **fields
        )
        assert answer.success
        return int(answer.new_version)

    async def get(self, name: str, **fields: Any) -> Any:
        """A variable as it is on the wire."""
        answer = await self.call("GetVariable", variable_identifier=name, **fields)
        return answer.variable


@asynccontextmanager
async def hosted(
    *, limits: SessionLimits | None = None, max_message_bytes: int = 100 * 1024 * 1024
) -> AsyncIterator[Hosted]:
    """Serve an embedded host on a free port of the loopback."""
    clock = FakeClock()
    host = EmbeddedHost(limits=limits, clock=clock)
    sessions = SessionManager(host, limits=limits, clock=clock, on_end=[host.forget_session])
    options = [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
    ]
    server = grpc.aio.server(options=options)
    service = _Service(host, sessions)
    add_BridgeServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    address = f"127.0.0.1:{port}"
    try:
        async with grpc.aio.insecure_channel(address, options=options) as channel:
            yield Hosted(address, service, host, sessions, BridgeServiceStub(channel), clock)
    finally:
        service.end_watches()
        await server.stop(grace=None)


def value(text: str, label: str = "") -> WireValue:
    """A JSON text as it travels."""
    return WireValue(type_url=label and f"type.googleapis.com/{label}", value=text.encode())
