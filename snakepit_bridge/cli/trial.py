"""Serves once on the loopback, to see whether a command gets its answer."""

from __future__ import annotations

import time

from snakepit_bridge.bootstrap import open_bridge
from snakepit_bridge.cli.findings import Finding
from snakepit_bridge.client.async_client import AsyncClient
from snakepit_bridge.errors import BridgeError
from snakepit_bridge.grpc.transport import GrpcTransport
from snakepit_bridge.handlers.discovery import HandlerLoadError
from snakepit_bridge.leases.folder import UnusableFolderError
from snakepit_bridge.settings import Settings

TRIAL_S = 5.0
"""How long the answer may take."""


async def trial(settings: Settings) -> Finding:
    """Whether this machine lets a bridge with these settings listen and answer.

    Takes a free port of the loopback, not the one of the settings, which may be in use by the
    server that somebody wants to know about.
    """
    began = time.perf_counter()
    try:
        async with (
            open_bridge(settings) as handler,
            GrpcTransport().serving(handler) as endpoint,
            endpoint.connect() as connection,
        ):
            await AsyncClient(connection).call("system.ping", timeout_s=TRIAL_S)
    except HandlerLoadError:
        return Finding(
            subject="server",
            verdict="broken",
            text="not tried, because a handler cannot be loaded",
            next_step="See to the handlers first.",
        )
    except UnusableFolderError:
        return Finding(
            subject="server",
            verdict="broken",
            text="not tried, because there is no folder for binary data",
            next_step="See to --blob-dir first.",
        )
    except (BridgeError, OSError) as error:
        return Finding(
            subject="server",
            verdict="broken",
            text=f"A server on the loopback did not answer: {error}",
            next_step="Look at the other findings; if they are fine, at firewalls and proxies.",
        )
    took_ms = 1000 * (time.perf_counter() - began)
    text = (
        f"served {len(handler.registry)} commands on the loopback and answered in {took_ms:.0f} ms"
    )
    return Finding(subject="server", verdict="ok", text=text)
