"""Tells the world that a server serves, once that is true."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from snakepit_bridge.cli.outcome import ExitCode, StopError
from snakepit_bridge.errors import BridgeError
from snakepit_bridge.grpc.listen import is_loopback
from snakepit_bridge.transport.envelope import Envelope
from snakepit_bridge.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from snakepit_bridge.grpc.listen import Listen, Tls
    from snakepit_bridge.settings import Settings
    from snakepit_bridge.transport.base import Endpoint

log = logging.getLogger(__name__)

PROBE_S = 5.0
"""How long a server may take to answer itself."""


async def probe(endpoint: Endpoint, listen: Listen) -> None:
    """Return once the server has answered.

    Without TLS it has run a command then. With TLS it has shown its certificate, and where it wants
    one from its clients it has accepted a connection: to go further, the server would need one that
    it believes.

    Raises:
        StopError: It does not answer.
    """
    try:
        if listen.tls is not None:
            async with asyncio.timeout(PROBE_S):
                await _shake_hands(endpoint.address, listen, listen.tls)
            return
        async with endpoint.connect() as connection:
            reply = await connection.call(Envelope(command="system.ping", timeout_s=PROBE_S))
        if reply.failure is not None:
            raise _no_answer(endpoint, reply.failure.message)
    except (BridgeError, OSError) as error:
        raise _no_answer(endpoint, error) from error


@contextmanager
def announced(address: str, settings: Settings, listen: Listen, *, commands: int) -> Iterator[None]:
    """Write the ready file, and a line for people, for as long as the block runs."""
    text = (
        f"snakepit-bridge {__version__} serving {commands} commands at {address}, "
        f"{protection(listen)}"
    )
    if settings.ready_file is not None:
        what = str(listen.uds) if listen.uds is not None else address.rpartition(":")[2]
        _write(settings.ready_file, what)
    try:
        if settings.log_format == "json":
            log.info("%s", text)  # whoever reads JSON lines wants nothing else between them
        else:
            click.echo(f"{text}. Ctrl-C stops it.", err=True)
        yield
    finally:
        if settings.ready_file is not None:
            settings.ready_file.unlink(missing_ok=True)


def protection(listen: Listen) -> str:
    """Who can call the server, in words."""
    if listen.tls is not None:
        lock = "TLS and client certificates" if listen.tls.client_ca is not None else "TLS"
        return f"protected by {lock} and a token" if listen.tokens else f"protected by {lock}"
    if listen.tokens:
        return "protected by a token"
    if listen.uds is not None:
        return "open to whoever may open the socket"
    assert is_loopback(listen.host)  # else Listen would have refused
    return "open to every program on this machine"


def _no_answer(endpoint: Endpoint, why: object) -> StopError:
    text = f"The server at {endpoint.address} does not answer itself: {why}"
    return StopError(text, ExitCode.FAILED)


def _write(path: Path, text: str) -> None:
    """Write a file such that nobody ever sees half of it.

    Raises:
        StopError: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        text = f"The ready file {str(path)!r} cannot be written: {error.strerror}."
        raise StopError(text, ExitCode.FAILED) from error


async def _shake_hands(address: str, listen: Listen, tls: Tls) -> None:
    context = None
    if tls.client_ca is None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # It is our own certificate; whether others should trust it is for them to say.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
    if listen.uds is not None:
        name = None if context is None else ""
        _, writer = await asyncio.open_unix_connection(
            listen.uds, ssl=context, server_hostname=name
        )
    else:
        host, _, port = address.rpartition(":")
        _, writer = await asyncio.open_connection(host.strip("[]"), int(port), ssl=context)
    writer.close()
