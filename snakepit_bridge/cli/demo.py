"""``snakepit-bridge demo``: the bridge at work, seen from a client."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from snakepit_bridge.bootstrap import open_bridge
from snakepit_bridge.cli import demo_report
from snakepit_bridge.cli.demo_handler import DemoHandler, shout
from snakepit_bridge.cli.outcome import ExitCode, StopError
from snakepit_bridge.client import Client
from snakepit_bridge.errors import BridgeError
from snakepit_bridge.grpc.transport import GrpcTransport
from snakepit_bridge.handlers.discovery import HandlerLoadError
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.settings import Settings
from snakepit_bridge.telemetry.export import TelemetryMissingError, in_memory
from snakepit_bridge.telemetry.instrumentation import InstrumentedHandler, Telemetry
from snakepit_bridge.telemetry.log_format import logging_to

if TYPE_CHECKING:
    from snakepit_bridge.client import ClientSession
    from snakepit_bridge.telemetry.export import Collected

LanguageModel = str | dict[str, Any]

OFFLINE: LanguageModel = {"model": "offline", "answers": [{"answer": "42"}]}
"""A language model that asks nobody."""

TIMEOUT_S = 60.0
"""For one call; a real language model may take its time."""


@click.command()
@click.option("--lm", metavar="NAME", help="A real language model, e.g. openai/gpt-5-mini.")
def demo(lm: str | None) -> int:
    """Show the bridge at work: a server, a client, and what the one tells of the other.

    Needs no network, and no key, unless --lm names a real language model.
    """
    with ExitStack() as stack:
        stack.enter_context(logging_to(sys.stderr, level="critical"))
        collected = _collecting(stack)
        telemetry = Telemetry() if collected is None else collected.telemetry
        try:
            code = asyncio.run(_serve(lm or OFFLINE, telemetry))
        except HandlerLoadError as error:  # of another distribution
            raise StopError(error, ExitCode.FAILED) from error
        # Now, because the server has closed and every span has ended.
        if collected is not None:
            _report(collected)
    return code


def _collecting(stack: ExitStack) -> Collected | None:
    try:
        return stack.enter_context(in_memory())
    except TelemetryMissingError as error:
        click.echo(f"{error}  (to see spans and counters here)")
        return None


async def _serve(lm: LanguageModel, telemetry: Telemetry) -> ExitCode:
    """Serve on a free port while the client, a thread of its own, makes its tour."""
    host = EmbeddedHost()
    host.offer(shout)
    handlers = [InstrumentedHandler(DemoHandler(), telemetry)]
    async with (
        open_bridge(Settings(), handlers=handlers, host=host, telemetry=telemetry) as handler,
        GrpcTransport().serving(handler) as endpoint,
    ):
        served = f"{len(handler.registry)} commands over gRPC at {endpoint.address}"
        click.echo(f"A bridge serves {served}; what follows is its client.")
        return await asyncio.to_thread(_tour, endpoint.address, lm, telemetry)


def _tour(address: str, lm: LanguageModel, telemetry: Telemetry) -> ExitCode:
    with telemetry.span("demo"), Client(address) as client, client.session() as session:
        code = _with_dspy(session, lm)
        _without(session)
    return code


def _with_dspy(session: ClientSession, lm: LanguageModel) -> ExitCode:
    _title("A DSPy program lives in the session, known by its ref")
    try:
        _call(session, "dspy.configure", {"lm": lm})
        path, signature = "dspy.ChainOfThought", "question -> answer"
        ref = _call(
            session, "dspy.create_instance", {"class_path": path, "args": {"signature": signature}}
        )
        question = {"question": "What do you get if you multiply six by seven?"}
        _call(session, "dspy.call_method", {"ref": ref, "method": "__call__", "args": question})
    except BridgeError as error:
        _show_error(error)
        # Without DSPy there is more to see; a failure of DSPy is one of the demonstration.
        return ExitCode.DONE if find_spec("dspy") is None else ExitCode.FAILED
    return ExitCode.DONE


def _without(session: ClientSession) -> None:
    _title("A generator streams")
    _show_call("demo.count_down", {"start": 3})
    for item in session.stream("demo.count_down", {"start": 3}, timeout_s=TIMEOUT_S):
        _show_value(item)
    _title("Python calls a tool of its host")
    _call(session, "demo.announce", {"text": "calling back"})
    _title("Variables are shared with the host, typed and versioned")
    _call(session, "variable.set", {"name": "temperature", "value": 0.7})
    _call(session, "variable.get", {"name": "temperature"})
    _title("A mistake says what happened and what to do")
    try:
        _call(session, "demo.anounce", {"text": "hello"})
    except BridgeError as error:
        _show_error(error)


def _report(collected: Collected) -> None:
    _title("What the exporter was told: spans")
    for line in demo_report.tree(collected.spans()):
        click.echo(f"  {line}")
    _title("and counters")
    for line in demo_report.totals(collected.counts()):
        click.echo(f"  {line}")


def _call(session: ClientSession, command: str, args: dict[str, Any]) -> Any:
    _show_call(command, args)
    value = session.call(command, args, timeout_s=TIMEOUT_S)
    _show_value(value)
    return value


def _title(text: str) -> None:
    click.echo(f"\n{text}")


def _show_call(command: str, args: dict[str, Any]) -> None:
    shown = "  ".join(f"{name}={_json(value)}" for name, value in args.items())
    click.echo(f"  > {command}  {shown}")


def _show_value(value: Any) -> None:
    click.echo(f"    {_json(value)}")


def _show_error(error: BridgeError) -> None:
    click.echo(f"    {error.code}: {error.message}")
    if error.hint:
        click.echo(f"    {error.hint}")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
