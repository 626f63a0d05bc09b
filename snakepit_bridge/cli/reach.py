"""The way to a bridge, here or elsewhere, as a command's options give it."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from snakepit_bridge.cli.options import BRIDGE, settings_from, settings_options
from snakepit_bridge.cli.outcome import ExitCode, StopError, tell_failure
from snakepit_bridge.errors import HostUnavailableError
from snakepit_bridge.settings import all_settings
from snakepit_bridge.settings.sources import CONFIG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from snakepit_bridge.client import AsyncClient
    from snakepit_bridge.errors import BridgeError
    from snakepit_bridge.grpc.client_tls import ClientTls
    from snakepit_bridge.settings import Settings

F = TypeVar("F", bound="Callable[..., Any]")

QUIET = "critical"
"""Log level of a bridge that lives for one command: what went wrong is told by the command."""

ELSEWHERE = ("token_file", "tls", "tls_ca", "tls_cert", "tls_key", "tls_server_name")
"""What is said to a server; a bridge in this process asks for none of it."""

_FILE = click.Path(path_type=Path)


def reach_options(command: F) -> F:
    """Give a command the options that say where its bridge is."""
    options = (
        click.option("--json", "as_json", is_flag=True, help="Print for programs, failures too."),
        click.option(
            *("--traceback", "--verbose", "-v", "with_traceback"),
            is_flag=True,
            help="Show the traceback of user code that failed.",
        ),
        click.option(
            "--timeout",
            "timeout_s",
            type=click.FloatRange(min=0, min_open=True),
            metavar="SECONDS",
            help="Give up after this time.",
        ),
        click.option(
            "--target",
            metavar="HOST:PORT",
            help="A running server, or unix:PATH; without one, a bridge of its own is made.",
        ),
        click.option("--token-file", type=_FILE, help="File with the token the server wants."),
        click.option("--tls", is_flag=True, help="The server uses TLS."),
        click.option("--tls-ca", type=_FILE, help="PEM authority of the server; implies --tls."),
        click.option("--tls-cert", type=_FILE, help="PEM certificate to show the server."),
        click.option("--tls-key", type=_FILE, help="PEM private key of that certificate."),
        click.option("--tls-server-name", metavar="NAME", help="Name in the server's certificate."),
        settings_options(*BRIDGE),
    )
    for option in reversed(options):
        command = option(command)
    return command


@asynccontextmanager
async def reached(options: Mapping[str, Any]) -> AsyncIterator[AsyncClient]:
    """A client of the bridge the options lead to, while the block runs.

    Raises:
        StopError: The options, or settings, cannot be used.
    """
    from snakepit_bridge.client import AsyncClient

    settings = settings_from({name: options[name] for name in (CONFIG, "token_file", *BRIDGE)})
    async with AsyncExitStack() as stack:
        if options["target"] is not None:
            yield await stack.enter_async_context(_elsewhere(options, settings))
            return
        from snakepit_bridge.cli.opening import opened_bridge
        from snakepit_bridge.transport.in_process import InProcessTransport

        _refuse(options, ELSEWHERE)
        handler = await stack.enter_async_context(opened_bridge(settings, log_level=QUIET))
        endpoint = await stack.enter_async_context(InProcessTransport().serving(handler))
        connection = await stack.enter_async_context(endpoint.connect())
        yield AsyncClient(connection, **_speech(options))


def failed(error: BridgeError, options: Mapping[str, Any], *, hint: str = "") -> ExitCode:
    """Tell of a failed command, and say how the process ends."""
    tell_failure(
        error, as_json=options["as_json"], with_traceback=options["with_traceback"], hint=hint
    )
    # What a bridge answers carries its metadata. Without, nobody has answered.
    if isinstance(error, HostUnavailableError) and options["target"] and not error.metadata:
        return ExitCode.UNREACHABLE
    return ExitCode.FAILED


@asynccontextmanager
async def _elsewhere(options: Mapping[str, Any], settings: Settings) -> AsyncIterator[AsyncClient]:
    from snakepit_bridge.cli.tokens import tokens_from
    from snakepit_bridge.client import connect

    target: str = options["target"]
    if ":" not in target:
        text = f"--target {target}: write HOST:PORT, or unix:PATH."
        raise click.UsageError(text)
    given = [name for name in BRIDGE if options[name] not in {None, ()}]
    if given:
        flag = all_settings()[given[0]].flag
        text = f"{flag} is for a bridge in this process; the one at --target has its own settings."
        raise click.UsageError(text)
    token = next(iter(tokens_from(settings.token_file)), None)
    try:
        connecting = connect(
            target, token=token, tls=_tls(options), shares_files=False, **_speech(options)
        )
        client = await connecting.__aenter__()
    except ValueError as error:
        raise StopError(error, ExitCode.USAGE) from error
    try:
        yield client
    finally:
        await connecting.__aexit__(None, None, None)


def _speech(options: Mapping[str, Any]) -> dict[str, Any]:
    # Some commands neither take values nor show any.
    return {
        "encoding": options.get("encoding", "json"),
        "metadata": options.get("metadata", {}),
    }


def _tls(options: Mapping[str, Any]) -> ClientTls | None:
    from snakepit_bridge.client import ClientTls

    authority, certificate = options["tls_ca"], options["tls_cert"]
    if not (options["tls"] or authority or certificate or options["tls_key"]):
        return None
    return ClientTls(
        ca=authority,
        certificate=certificate,
        key=options["tls_key"],
        server_name=options["tls_server_name"],
    )


def _refuse(options: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in names:
        if options[name]:
            text = f"--{name.replace('_', '-')} is of use together with --target only."
            raise click.UsageError(text)
