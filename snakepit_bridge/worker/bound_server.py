"""A gRPC server whose port is taken before there is anything to serve."""

from __future__ import annotations

import errno
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ATTEMPTS = 20
"""Free ports to try: one that is free on 127.0.0.1 may be taken on ::1."""

_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""What binding to ::1 fails with on a machine without IPv6."""


class BoundServer(NamedTuple):
    """A server that listens; the system keeps its callers until it has been started."""

    server: grpc.aio.Server
    port: int


@asynccontextmanager
async def bound_server(port: int, *, max_message_bytes: int) -> AsyncIterator[BoundServer]:
    """Listen on the loopback: on 127.0.0.1 and, where there is IPv6, on the same port of ::1.

    Elixir dials ``localhost``, which may be either. Nobody else's machine can reach them.

    Args:
        port: 0 takes one that is free.
        max_message_bytes: Of a request, and of an answer.

    Raises:
        OSError: The port is taken.
    """
    options = (
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        # Two servers on one port would share its calls without anybody noticing.
        ("grpc.so_reuseport", 0),
    )
    for _ in range(1 if port else ATTEMPTS):
        server = grpc.aio.server(options=options)
        try:
            bound = BoundServer(server, _bind(server, port))
        except OSError:
            await server.stop(None)
            continue
        try:
            yield bound
        finally:
            await server.stop(None)
        return
    where = f"port {port}" if port else f"any of {ATTEMPTS} free ports"
    text = f"cannot listen on {where} of 127.0.0.1 and ::1: is it in use?"
    raise OSError(errno.EADDRINUSE, text)


def _bind(server: grpc.aio.Server, port: int) -> int:
    try:
        port = server.add_insecure_port(f"127.0.0.1:{port}")
        if _has_ipv6(port):
            server.add_insecure_port(f"[::1]:{port}")
    except RuntimeError as error:
        raise OSError(errno.EADDRINUSE, str(error)) from error
    return port


def _has_ipv6(port: int) -> bool:
    """Whether there is IPv6 here.

    Raises:
        OSError: There is, but the port is taken.
    """
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", port))
    except OSError as error:
        if error.errno in _ABSENT:
            return False
        raise
    return True
