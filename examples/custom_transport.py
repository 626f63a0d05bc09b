"""A transport of one's own: JSON lines over a Unix socket, one command per connection.

A transport moves envelopes one way and replies the other. Sessions, handlers, engines, telemetry
and the client stay as they are. Run it: ``python examples/custom_transport.py``.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path

from greet import Greeter
from msgspec import Raw
from msgspec.json import decode, encode

from snakepit_bridge import BridgeError, CommandHandler, HandlerRegistry, SessionManager
from snakepit_bridge.client import AsyncClient
from snakepit_bridge.testing import EmbeddedHost
from snakepit_bridge.transport.base import Connection, Endpoint
from snakepit_bridge.transport.dispatcher import Dispatcher, dispatching
from snakepit_bridge.transport.envelope import Envelope, Failure, Reply
from snakepit_bridge.values.encoding import Encoded


class LineTransport:
    """Serves commands on a Unix socket."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @asynccontextmanager
    async def serving(self, handler: CommandHandler) -> AsyncIterator[Endpoint]:
        """Serve the handler's commands while the block runs."""
        async with dispatching(handler) as dispatcher:

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                with closing(writer):
                    envelope = _envelope_from(await reader.readline())
                    answer = asyncio.create_task(_answer(envelope, writer, dispatcher))
                    hang_up = asyncio.create_task(reader.read())
                    # The caller may leave before the answer is complete; the command ends then.
                    await asyncio.wait({answer, hang_up}, return_when=asyncio.FIRST_COMPLETED)
                    answer.cancel()
                    hang_up.cancel()

            async with await asyncio.start_unix_server(serve, self.path):
                yield LineEndpoint(self.path)


async def _answer(envelope: Envelope, writer: asyncio.StreamWriter, bridge: Dispatcher) -> None:
    async with aclosing(bridge.stream(envelope)) as replies:
        async for reply in replies:
            writer.write(_line_from(reply))
            await writer.drain()


class LineEndpoint:
    """A ``LineTransport`` that serves."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """Callers connect anew for each command, so nothing is open in between."""
        yield LineConnection(self.address)


class LineConnection:
    """The caller's end."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def wait_ready(self) -> None:
        """The socket is there as long as its server is."""

    async def call(self, envelope: Envelope) -> Reply:
        """Send a command and wait for its one reply."""
        async with aclosing(self.stream(envelope)) as replies:
            return await anext(replies)

    async def stream(self, envelope: Envelope) -> AsyncGenerator[Reply, None]:
        """Send a command and yield its replies up to the final one."""
        reader, writer = await asyncio.open_unix_connection(self._path)
        with closing(writer):
            writer.write(_line_of(envelope))
            async for line in reader:
                yield _reply_from(line)


def _line_of(envelope: Envelope) -> bytes:
    return _line(
        command=envelope.command,
        args={name: Raw(value) for name, value in envelope.args.items()},
        session_id=envelope.session_id,
        timeout_s=envelope.timeout_s,
    )


def _envelope_from(line: bytes) -> Envelope:
    question = decode(line)
    args = {name: encode(value) for name, value in question.pop("args", {}).items()}
    return Envelope(**question, args=args)


def _line_from(reply: Reply) -> bytes:
    value = None if reply.encoded is None else Raw(reply.encoded.value)
    return _line(value=value, failure=reply.failure, is_final=reply.is_final)


def _reply_from(line: bytes) -> Reply:
    answer = decode(line, type=dict[str, Raw])
    failure, is_final = decode(answer["failure"]), decode(answer["is_final"])
    if failure:
        return Reply(failure=Failure(**failure))
    return Reply(encoded=Encoded(bytes(answer["value"])), is_final=is_final)


def _line(**members: object) -> bytes:
    return encode(members) + b"\n"


async def main() -> None:
    """Serve the greeter on a socket; call it, make a mistake, leave a stream early."""
    registry = HandlerRegistry()
    registry.register(Greeter())
    handler = CommandHandler(registry, SessionManager(EmbeddedHost()))
    with tempfile.TemporaryDirectory() as folder:
        transport = LineTransport(Path(folder) / "bridge.sock")
        async with transport.serving(handler) as endpoint, endpoint.connect() as connection:
            client = AsyncClient(connection)
            print(await client.call("greet.say", {"name": "Ada"}))
            try:
                await client.call("greet.say", {"nmae": "Ada"})
            except BridgeError as error:
                print(f"{error.code}: {error}")
            async with aclosing(client.stream("greet.count", {"to": 1_000_000_000})) as numbers:
                print(await anext(numbers), await anext(numbers))


if __name__ == "__main__":
    asyncio.run(main())
