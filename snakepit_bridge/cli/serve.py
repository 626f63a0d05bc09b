"""``snakepit-bridge serve``: commands over gRPC until somebody stops it."""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import click

from snakepit_bridge.cli.announcement import announced, probe
from snakepit_bridge.cli.opening import opened_bridge
from snakepit_bridge.cli.options import BRIDGE, EPILOG, LISTEN, settings_from, settings_options
from snakepit_bridge.cli.outcome import ExitCode, StopError
from snakepit_bridge.cli.places import claim_places
from snakepit_bridge.cli.stopping import Stopping
from snakepit_bridge.cli.tokens import tokens_from
from snakepit_bridge.grpc.bridge import Bridge
from snakepit_bridge.grpc.listen import Listen, Tls
from snakepit_bridge.grpc.transport import GrpcTransport

if TYPE_CHECKING:
    from snakepit_bridge.settings import Settings

log = logging.getLogger(__name__)


@click.command(epilog=EPILOG)
@settings_options(*LISTEN, *BRIDGE)
def serve(**flags: Any) -> int:
    """Serve commands over gRPC until Ctrl-C or SIGTERM.

    Listens on this machine only, unless told otherwise. A second Ctrl-C ends it at once.
    """
    settings = settings_from(flags)
    listen = listen_from(settings)
    with Stopping(claim_places(settings)) as stopping, asyncio.Runner() as runner:
        code = runner.run(_serve(settings, listen, stopping))
        stopping.closed(code)
    return code


async def _serve(settings: Settings, listen: Listen, stopping: Stopping) -> ExitCode:
    """Serve until somebody asks to stop."""
    stop = stopping.on_loop()
    async with AsyncExitStack() as stack:
        handler = await stack.enter_async_context(opened_bridge(settings))
        try:
            transport = GrpcTransport(listen, bridge=Bridge(upstream=settings.compat == "upstream"))
            endpoint = await stack.enter_async_context(transport.serving(handler))
        except OSError as error:
            raise StopError(error, ExitCode.FAILED) from error
        await probe(endpoint, listen)
        commands = len(handler.registry)
        stack.enter_context(announced(endpoint.address, settings, listen, commands=commands))
        await stop.wait()
        log.info("stopping; running commands may end")
    return ExitCode.DONE


def listen_from(settings: Settings) -> Listen:
    """Where to listen, and whom to let in.

    Raises:
        StopError: It cannot be done, or would be dangerous.
    """
    tls = None
    if settings.tls_cert is not None and settings.tls_key is not None:
        tls = Tls(
            certificate=settings.tls_cert, key=settings.tls_key, client_ca=settings.tls_client_ca
        )
    try:
        if tls is not None:
            _check_pair(tls)
        return Listen(
            host=settings.host,
            port=settings.port,
            uds=settings.uds,
            tls=tls,
            tokens=tokens_from(settings.token_file),
            max_message_bytes=settings.max_message_bytes,
        )
    except ValueError as error:
        raise StopError(error, ExitCode.USAGE) from error


def _check_pair(tls: Tls) -> None:
    """Refuse files that cannot be used together, which gRPC would only hint at.

    Raises:
        ValueError: A file cannot be used, or the key is not that of the certificate.
    """
    tls.credentials()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # A key with a password must not make the server ask for it.
        context.load_cert_chain(tls.certificate, tls.key, password="")
    except ssl.SSLError as error:
        text = f"{str(tls.key)!r} is not the key of {str(tls.certificate)!r}: {error.reason}"
        raise ValueError(text) from error
