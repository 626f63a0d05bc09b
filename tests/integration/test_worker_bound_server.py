from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from snakepit_bridge.worker.bound_server import bound_server

MIB = 1024 * 1024

Refuse = Callable[..., None]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Has the system refuse ``::1``, with one error after the other."""
    real = socket.socket.bind

    def refuse(*numbers: int) -> None:
        remaining = list(numbers)

        def bind(sock: socket.socket, address: Any) -> None:
            if address[0] == "::1" and remaining:
                raise OSError(remaining.pop(0), "refused")
            real(sock, address)

        monkeypatch.setattr(socket.socket, "bind", bind)

    return refuse


def reached(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=5):
            return True
    except ConnectionRefusedError:
        return False


async def test_callers_are_kept_until_the_server_has_something_to_serve() -> None:
    async with (
        bound_server(0, max_message_bytes=MIB) as bound,
        grpc.aio.insecure_channel(f"localhost:{bound.port}") as channel,
    ):
        stub: Any = health_pb2_grpc.HealthStub(channel)
        asking = stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
        assert reached("127.0.0.1", bound.port)

        health_pb2_grpc.add_HealthServicer_to_server(health_aio.HealthServicer(), bound.server)
        await bound.server.start()
        answer = await asking

    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_port_that_is_taken_on_one_loopback_is_not_shared(refuse: Refuse) -> None:
    refuse(errno.EADDRINUSE)
    async with bound_server(0, max_message_bytes=MIB) as bound:
        assert reached("127.0.0.1", bound.port)


@pytest.mark.defect("D42")
async def test_a_chosen_port_that_is_taken_is_an_error(refuse: Refuse) -> None:
    async with bound_server(0, max_message_bytes=MIB) as first:
        with pytest.raises(OSError, match=f"port {first.port}"):
            async with bound_server(first.port, max_message_bytes=MIB):
                raise NotImplementedError

    refuse(errno.EADDRINUSE)
    with pytest.raises(OSError, match="in use"):
        async with bound_server(first.port, max_message_bytes=MIB):
            raise NotImplementedError


@pytest.mark.parametrize("number", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
async def test_a_machine_without_ipv6_is_reached_over_ipv4(number: int, refuse: Refuse) -> None:
    refuse(number)
    async with bound_server(0, max_message_bytes=MIB) as bound:
        assert reached("127.0.0.1", bound.port)
        assert not reached("::1", bound.port)
