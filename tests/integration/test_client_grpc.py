"""The client on the wire: what happens when the other side is not there, hangs, or goes away."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import pytest

from snakepit_bridge.client import AsyncClient, connect
from snakepit_bridge.errors import (
    CommandCancelledError,
    CommandDeadlineError,
    HostUnavailableError,
    Outcome,
    QuotaExceededError,
    UnauthenticatedError,
    WrongCallError,
)
from snakepit_bridge.grpc.listen import Listen
from snakepit_bridge.grpc.server import grpc_server
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.registry import HandlerRegistry, handles
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager

MIB = 1024 * 1024


class Slow:
    """Commands that never end by themselves."""

    def __init__(self) -> None:
        self.inside = asyncio.Event()

    @handles("slow.run")
    async def run(self, session: Session) -> None:
        self.inside.set()
        await asyncio.Event().wait()

    @handles("slow.items")
    async def items(self, session: Session) -> AsyncGenerator[int, None]:
        yield 1
        self.inside.set()
        await asyncio.Event().wait()

    @handles("slow.echo")
    async def echo(self, session: Session, *, value: Any) -> Any:
        return value

    @handles("slow.fill")
    async def fill(self, session: Session, *, size_bytes: int) -> str:
        return "x" * size_bytes


@asynccontextmanager
async def serving(handler: object, listen: Listen | None = None) -> AsyncIterator[str]:
    """A server that gives running calls no time to end, and its address."""
    registry = HandlerRegistry()
    registry.register(handler)
    commands = CommandHandler(registry, SessionManager(EmbeddedHost()))
    async with grpc_server(commands, listen or Listen(port=0), drain_s=0) as address:
        yield address


@pytest.fixture
def uds() -> Iterator[Path]:
    """Where a Unix socket may be; its path must be short."""
    with TemporaryDirectory(prefix="bridge-") as folder:
        yield Path(folder) / "bridge.sock"


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address that is taken, and where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture(autouse=True)
async def patience() -> AsyncIterator[None]:
    """Bounds what hangs; measures nothing."""
    async with asyncio.timeout(10):
        yield


async def use(client: AsyncClient, form: str) -> None:
    """Call, or stream from, a command that never ends."""
    if form == "call":
        await client.call("slow.run")
    else:
        async for _ in client.stream("slow.items"):
            pass


# --- nobody is there -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["call", "stream"])
@pytest.mark.parametrize("target", ["", "unix:/nowhere/bridge.sock", "no.such.host.invalid:1"])
async def test_a_target_where_nobody_listens_is_an_error_at_once(
    target: str, nobody: str, form: str
) -> None:
    target = target or nobody
    async with connect(target) as client:
        with pytest.raises(HostUnavailableError) as caught:
            await use(client, form)

    assert target in caught.value.message
    assert caught.value.retryable
    assert caught.value.hint


async def test_another_grpc_server_is_told_from_a_bridge() -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with connect(f"127.0.0.1:{port}") as client:
            with pytest.raises(WrongCallError, match="does not serve commands"):
                await client.call("slow.run")
    finally:
        await server.stop(0)


async def test_waiting_ends_when_the_bridge_comes_up(uds: Path) -> None:
    async with connect(f"unix:{uds}") as client, asyncio.TaskGroup() as group:
        ready = group.create_task(client.wait_ready(timeout_s=9))
        await asyncio.sleep(0)
        assert not ready.done()
        async with serving(Slow(), Listen(uds=uds)):
            await ready
            assert await client.call("slow.echo", {"value": 1}) == 1


async def test_waiting_for_nobody_ends_in_time(nobody: str) -> None:
    async with connect(nobody) as client:
        with pytest.raises(HostUnavailableError, match="did not answer within"):
            await client.wait_ready(timeout_s=0.05)


# --- it hangs ------------------------------------------------------------------------------------


@asynccontextmanager
async def deaf_server() -> AsyncIterator[str]:
    """Accepts connections, then says nothing at all."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"127.0.0.1:{port}"
        for writer in writers:
            writer.close()


@pytest.mark.parametrize("form", ["call", "stream"])
async def test_a_server_that_says_nothing_is_given_up_after_the_deadline(form: str) -> None:
    async with deaf_server() as address, connect(address) as client:
        stream = client.stream("slow.items", timeout_s=0.05)
        used = client.call("slow.run", timeout_s=0.05) if form == "call" else anext(stream)
        with pytest.raises(CommandDeadlineError):
            await used


async def test_a_server_that_says_nothing_is_not_ready() -> None:
    async with deaf_server() as address, connect(address) as client:
        with pytest.raises(HostUnavailableError):
            await client.wait_ready(timeout_s=0.05)


async def test_a_deadline_in_a_thousand_years_is_a_deadline() -> None:
    """It once overflowed, and had passed at once."""
    async with serving(Slow()) as address, connect(address) as client:
        assert await client.call("slow.echo", {"value": 1}, timeout_s=1e12) == 1


# --- it goes away --------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["call", "stream"])
async def test_a_server_that_stops_ends_what_waits_for_it(form: str) -> None:
    slow = Slow()
    stack = AsyncExitStack()
    address = await stack.enter_async_context(serving(slow))

    async with connect(address) as client:
        waiting = asyncio.create_task(use(client, form))
        await slow.inside.wait()
        await stack.aclose()

        with pytest.raises(CommandCancelledError, match="the bridge stops") as caught:
            await waiting

    assert caught.value.outcome is Outcome.STOPPED


async def test_a_client_finds_a_server_that_comes_back(uds: Path) -> None:
    async with connect(f"unix:{uds}") as client:
        for value in (1, 2):
            async with serving(Slow(), Listen(uds=uds)):
                await client.wait_ready(timeout_s=9)
                assert await client.call("slow.echo", {"value": value}) == value
            with pytest.raises(HostUnavailableError):
                await client.call("slow.echo", {"value": 0})


@pytest.mark.parametrize("form", ["call", "stream"])
async def test_leaving_the_block_ends_what_other_tasks_wait_for(form: str) -> None:
    """A task that nobody cancelled must not end as if somebody had."""
    slow = Slow()
    async with serving(slow) as address:
        async with connect(address) as client:
            waiting = asyncio.create_task(use(client, form))
            await slow.inside.wait()

        with pytest.raises(HostUnavailableError, match="closed"):
            await waiting


@pytest.mark.parametrize("form", ["call", "stream", "wait"])
async def test_a_client_outside_its_block_says_so(form: str) -> None:
    async with serving(Slow()) as address:
        async with connect(address) as client:
            pass

        used = client.wait_ready(timeout_s=5) if form == "wait" else use(client, form)
        with pytest.raises(WrongCallError, match="is closed"):
            await used


# --- who is let in, and what fits ----------------------------------------------------------------


async def test_a_token_opens_the_door() -> None:
    async with serving(Slow(), Listen(port=0, tokens=["old", "new"])) as address:
        for token in ("old", "new"):
            async with connect(address, token=token) as client:
                await client.wait_ready(timeout_s=5)
                assert await client.call("slow.echo", {"value": token}) == token


@pytest.mark.parametrize("token", [None, "wrong"])
async def test_without_the_right_token_the_door_stays_shut(token: str | None) -> None:
    listen = Listen(port=0, tokens=["right"])
    async with serving(Slow(), listen) as address, connect(address, token=token) as client:
        with pytest.raises(UnauthenticatedError):
            await client.call("slow.echo", {"value": 1})
        with pytest.raises(UnauthenticatedError):
            await anext(client.stream("slow.items"))
        with pytest.raises(UnauthenticatedError):
            await client.wait_ready(timeout_s=5)


async def test_a_message_that_is_too_large_for_the_client_is_an_error_of_its_own() -> None:
    async with serving(Slow()) as address, connect(address, max_message_bytes=MIB) as client:
        with pytest.raises(QuotaExceededError) as sent:
            await client.call("slow.echo", {"value": "x" * MIB})
        with pytest.raises(QuotaExceededError) as received:
            await client.call("slow.fill", {"size_bytes": MIB})

        assert not sent.value.retryable
        assert not received.value.retryable
        assert await client.call("slow.echo", {"value": 1}) == 1


async def test_a_message_that_is_too_large_for_the_server_is_an_error_of_its_own() -> None:
    listen = Listen(port=0, max_message_bytes=MIB)
    async with serving(Slow(), listen) as address, connect(address) as client:
        with pytest.raises(QuotaExceededError):
            await client.call("slow.echo", {"value": "x" * MIB})
        with pytest.raises(QuotaExceededError) as received:
            await client.call("slow.fill", {"size_bytes": MIB})

    assert "--max-message-bytes" in received.value.hint


async def test_large_messages_pass_where_both_sides_allow_them() -> None:
    value = "x" * 20 * MIB

    async with serving(Slow()) as address, connect(address) as client:
        assert await client.call("slow.echo", {"value": value}) == value
