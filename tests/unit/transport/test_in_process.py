from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.session.context import Session
from snakepit_bridge.transport.envelope import Envelope
from snakepit_bridge.transport.in_process import InProcessTransport
from snakepit_bridge.values import Encoded
from tests.unit.handlers.bridges import commands_of


class Greeter:
    @handles("greet.say")
    async def say(self, session: Session, *, name: str) -> str:
        return f"hello {name}"

    @handles("greet.each")
    async def each(self, session: Session, *, names: list[str]) -> AsyncGenerator[str, None]:
        for name in names:
            yield f"hello {name}"


async def test_a_connection_leads_to_the_commands() -> None:
    transport = InProcessTransport()
    said = Envelope(command="greet.say", args={"name": b'"Ada"'})
    each = Envelope(command="greet.each", args={"names": b'["Ada", "Bob"]'})

    async with (
        asyncio.timeout(5),
        transport.serving(commands_of(Greeter())) as endpoint,
        endpoint.connect() as connection,
    ):
        reply = await connection.call(said)
        replies = [reply.encoded async for reply in connection.stream(each)]

    assert endpoint.address == "in-process"
    assert reply.encoded == Encoded(b'"hello Ada"')
    assert replies == [Encoded(b'"hello Ada"'), Encoded(b'"hello Bob"'), None]


async def test_a_call_that_is_under_way_when_serving_ends_gets_an_answer() -> None:
    """It was once answered with ``null``, as if its code had returned."""
    inside = asyncio.Event()

    class Slow:
        @handles("slow.run")
        async def run(self, session: Session) -> None:
            inside.set()
            await asyncio.Event().wait()

    async with asyncio.timeout(5):
        async with (
            InProcessTransport().serving(commands_of(Slow())) as endpoint,
            endpoint.connect() as connection,
        ):
            call = asyncio.ensure_future(connection.call(Envelope(command="slow.run")))
            await inside.wait()
        reply = await call

    assert reply.failure is not None
    assert (reply.failure.code, reply.failure.outcome) == ("CANCELLED", "stopped")
