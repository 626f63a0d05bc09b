"""Opens a bridge in this process, its complaints made ones of the command line."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from snakepit_bridge.bootstrap import open_bridge
from snakepit_bridge.cli.outcome import ExitCode, StopError
from snakepit_bridge.handlers.discovery import HandlerLoadError
from snakepit_bridge.leases.folder import UnusableFolderError
from snakepit_bridge.telemetry.log_format import logging_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from snakepit_bridge.handlers.command_handler import CommandHandler
    from snakepit_bridge.settings import Settings


@asynccontextmanager
async def opened_bridge(
    settings: Settings, *, log_level: str | None = None
) -> AsyncIterator[CommandHandler]:
    """A bridge with log lines on stderr and telemetry where the settings want it.

    Args:
        settings: What the operator decided.
        log_level: The least severe log lines to write, unless the operator decided that.

    Raises:
        StopError: The settings name something that is not there.
    """
    level = settings.log_level if "log_level" in settings.origins else log_level
    async with AsyncExitStack() as stack:
        stack.enter_context(
            logging_to(sys.stderr, level=level or settings.log_level, form=settings.log_format)
        )
        telemetry = None
        if settings.telemetry != "off":
            from snakepit_bridge.telemetry.export import TelemetryMissingError, exporting

            try:
                telemetry = stack.enter_context(exporting(settings.telemetry))
            except TelemetryMissingError as error:
                raise StopError(error, ExitCode.USAGE) from error
        try:
            handler = await stack.enter_async_context(open_bridge(settings, telemetry=telemetry))
        except (HandlerLoadError, UnusableFolderError) as error:
            raise StopError(error, ExitCode.USAGE) from error
        yield handler
