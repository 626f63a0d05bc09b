"""The blocking client on the wire: threads, slow readers, interrupts, the end of the process."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from snakepit_bridge.client import Client
from snakepit_bridge.errors import (
    CommandCancelledError,
    HandlerFailedError,
    HostUnavailableError,
    WrongCallError,
)
from snakepit_bridge.grpc.server import SnakepitBridgeServer
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.registry import HandlerRegistry, handles
from snakepit_bridge.handlers.session_handler import SessionHandler
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager

ITEM = "x" * 64 * 1024
TOTAL = 1000

AHEAD = 400
"""Items a producer may be ahead: two times 100, and what the network holds (measured: 64)."""


class Works:
    """What the tests need of a bridge."""

    def __init__(self) -> None:
        self.all_inside = threading.Barrier(4, timeout=5)
        self.produced = 0
        self.inside = threading.Event()
        self.ended = threading.Event()
        self.closed = threading.Event()

    @handles("works.echo")
    def echo(self, session: Session, *, value: Any) -> Any:
        return value

    @handles("works.meet")
    def meet(self, session: Session) -> bool:
        self.all_inside.wait()
        return True

    @handles("works.fail")
    def fail(self, session: Session) -> None:
        text = "no"
        raise LookupError(text)

    @handles("works.produce")
    def produce(self, session: Session) -> Generator[str, None, None]:
        try:
            for _ in range(TOTAL):
                self.produced += 1
                yield ITEM
        finally:
            self.ended.set()

    @handles("works.hang")
    async def hang(self, session: Session) -> None:
        await self._hang()

    @handles("works.hang_in_stream")
    async def hang_in_stream(self, session: Session) -> AsyncGenerator[int, None]:
        yield 1
        await self._hang()

    @handles("works.keep")
    def keep(self, session: Session) -> str:
        return session.instances.register(Kept(self.closed))

    async def _hang(self) -> None:
        self.inside.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


class Kept:
    """Lives in a session, and says when it is closed."""

    def __init__(self, closed: threading.Event) -> None:
        self._closed = closed

    def close(self) -> None:
        self._closed.set()


@pytest.fixture
def works() -> Works:
    return Works()


@pytest.fixture
def target(works: Works) -> Iterator[str]:
    """A server, at work on a thread of this process."""
    registry = HandlerRegistry()
    sessions = SessionManager(EmbeddedHost())
    for each in (works, SessionHandler(sessions)):
        registry.register(each)
    with SnakepitBridgeServer(CommandHandler(registry, sessions), port=0) as server:
        yield server.address


def test_calls_of_many_threads_are_under_way_together(target: str) -> None:
    with Client(target) as client, ThreadPoolExecutor(4) as callers:
        met = list(callers.map(lambda _: client.call("works.meet", timeout_s=5), range(4)))

    assert met == [True] * 4


def test_values_and_failures_come_back(target: str) -> None:
    with Client(target) as client:
        client.wait_ready(timeout_s=5)
        assert client.call("works.echo", {"value": {"a": [None]}}) == {"a": [None]}
        assert "run_ms" in client.call_result("works.echo", {"value": 1}).metadata
        with pytest.raises(HandlerFailedError) as caught:
            client.call("works.fail")

    assert caught.value.foreign_type == "LookupError"


def test_a_slow_reader_holds_the_code_back(target: str, works: Works) -> None:
    """Meanwhile the bridge answers other calls for longer than the rest would take to produce."""
    with Client(target) as client:
        items = client.stream("works.produce")
        next(items)
        for _ in range(300):
            client.call("works.echo", {"value": 1})
        ahead = works.produced
        rest = sum(1 for _ in items)

    assert ahead <= AHEAD
    assert rest == TOTAL - 1


def test_closing_a_stream_early_reaches_the_code(target: str, works: Works) -> None:
    with Client(target) as client:
        items = client.stream("works.produce")
        next(items)
        items.close()

        assert works.ended.wait(5)
    assert works.produced < TOTAL


def test_a_session_of_the_block_ends_with_it(target: str, works: Works) -> None:
    with Client(target) as client, client.session() as session:
        session.call("works.keep")
        assert not works.closed.is_set()
        info = session.call("session.info")

    assert info["id"] == session.id
    assert works.closed.wait(5)


def test_closing_the_client_frees_who_waits_and_tells_the_bridge(target: str, works: Works) -> None:
    with ThreadPoolExecutor(1) as caller:
        with Client(target) as client:
            waiting = caller.submit(client.call, "works.hang")
            assert works.inside.wait(5)

        with pytest.raises((CommandCancelledError, HostUnavailableError), match="closed"):
            waiting.result(5)
    assert works.ended.wait(5)


async def test_a_blocking_client_refuses_to_block_a_loop(target: str) -> None:
    with pytest.raises(WrongCallError, match="block the event loop"):
        Client(target).__enter__()


# --- processes of their own ----------------------------------------------------------------------

INTERRUPTED_CALL = """
print("begin", flush=True)
try:
    client.call("works.hang")
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(client.call("works.echo", {"value": "alive"}))
"""

INTERRUPTED_STREAM = """
try:
    for _ in client.stream("works.hang_in_stream"):
        print("begin", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(client.call("works.echo", {"value": "alive"}))
"""

FORGOTTEN = """
import threading
items = client.stream("works.produce")
next(items)
threading.Thread(target=client.call, args=["works.hang"], daemon=True).start()
sys.stdin.readline()
print("end")
"""


def start(program: str, target: str, *, closes: bool = True) -> subprocess.Popen[str]:
    """Run a program with a ``client`` of the target in an interpreter of its own."""
    opened = "with Client(sys.argv[1]) as client:" if closes else "if True:"
    lines = [
        "import signal, sys",
        "from snakepit_bridge.client import Client",
        "signal.signal(signal.SIGINT, signal.default_int_handler)",
        *([] if closes else ["client = Client(sys.argv[1]).__enter__()"]),
        opened,
        *(f"    {line}" for line in program.splitlines()),
    ]
    return subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines), target],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("program", [INTERRUPTED_CALL, INTERRUPTED_STREAM], ids=["call", "stream"])
def test_an_interrupt_cancels_what_was_waited_for_and_nothing_else(
    target: str, works: Works, program: str
) -> None:
    with start(program, target) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begin\n"
        assert works.inside.wait(20)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)

    assert (out, err, process.returncode) == ("interrupted\nalive\n", "", 0)
    assert works.ended.wait(5)


@pytest.mark.parametrize("closes", [True, False], ids=["closed", "never closed"])
def test_a_client_does_not_hold_up_the_end_of_its_process(
    target: str, works: Works, *, closes: bool
) -> None:
    with start(FORGOTTEN, target, closes=closes) as process:
        assert works.inside.wait(20)
        out, err = process.communicate("\n", timeout=20)

    assert (out, process.returncode) == ("end\n", 0)
    if not closes:
        assert err == ""
    assert works.ended.wait(5)
