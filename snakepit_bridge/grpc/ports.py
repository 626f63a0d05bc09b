"""Binds a server to the places where it is to listen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from snakepit_bridge.grpc.listen import IPV6_LOOPBACK, Listen, has_ipv6_loopback, host_port

if TYPE_CHECKING:
    import grpc

FREE_PORTS_TRIED = 20
"""One that is free on 127.0.0.1 may be taken on ::1."""


def bind(server: grpc.aio.Server, listen: Listen) -> str:
    """Have a server listen, as soon as it is started.

    Returns:
        The address, with the port that was free where any was asked for.

    Raises:
        OSError: The address cannot be bound.
    """
    try:
        port = _bind_both(server, listen) if listen.both_loopbacks else _add_port(server, listen)
    except RuntimeError as error:
        text = f"cannot listen on {listen.target}: is it in use, or not of this machine?"
        raise OSError(text) from error
    return listen.target if listen.uds is not None else host_port(listen.host, port)


def _bind_both(server: grpc.aio.Server, listen: Listen) -> int:
    """Bind one port of both loopbacks; where there is no IPv6, of the one there is."""
    if not has_ipv6_loopback():
        return _add_port(server, listen)
    attempts = 1 if listen.port else FREE_PORTS_TRIED
    while True:
        attempts -= 1
        port = _add_port(server, listen)
        other = replace(listen, host=IPV6_LOOPBACK, port=port, both_loopbacks=False)
        try:
            return _add_port(server, other)
        except RuntimeError:
            # Not without it: callers who say localhost would reach whoever has it.
            if not attempts:
                raise


def _add_port(server: grpc.aio.Server, listen: Listen) -> int:
    if listen.tls is not None:
        return server.add_secure_port(listen.target, listen.tls.credentials())
    return server.add_insecure_port(listen.target)
