from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage

from snakepit_bridge.errors import BridgeError, HostUnavailableError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.bridge import BRIDGE_SERVICE, Bridge, bridge_service
from snakepit_bridge.grpc.bridge_hosting import HostingRpcs
from snakepit_bridge.grpc.bridge_service import BridgeService
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.telemetry.correlation import get_correlation_id
from snakepit_bridge.telemetry.stream import TelemetryStream
from snakepit_bridge.transport.dispatcher import Dispatcher
from tests.unit.grpc.fake_context import AbortedError, fake_context
from tests.unit.handlers.bridges import commands_of, running

if TYPE_CHECKING:
    from snakepit_bridge.session.host import HostRuntime

MAX_VALUE_BYTES = 1000

_Response = TypeVar("_Response")


class Tools:
    @handles("echo")
    async def echo(self, session: Session, *, value: object) -> object:
        return value

    @handles("whose")
    async def whose(self, session: Session) -> list[object]:
        return [session.id, dict(session.metadata), get_correlation_id()]

    @handles("mine")
    async def mine(self, session: Session, *, session_id: str) -> list[str]:
        return [session.id, session_id]

    @handles("fail")
    async def fail(self, session: Session, *, text: str = "no") -> None:
        raise LookupError(text)

    @handles("count")
    async def count(self, session: Session, *, upto: int) -> AsyncIterator[int]:
        for number in range(upto):
            yield number

    @handles("chunks")
    async def chunks(self, session: Session, *, final_at: list[int]) -> AsyncIterator[object]:
        for number in range(3):
            yield SimpleNamespace(
                data={"n": number}, is_final=number in final_at, metadata={"n": number, "x": None}
            )

    @handles("break")
    def breaking(self, session: Session, *, text: str = "no") -> Iterator[int]:
        yield 1
        raise LookupError(text)

    @handles("wait")
    async def wait(self, session: Session) -> None:
        await asyncio.Event().wait()


class Serving(NamedTuple):
    """A service without a server."""

    service: BridgeService
    handler: CommandHandler

    async def execute(
        self, tool: str, /, *headers: tuple[str, str], **args: object
    ) -> pb.ExecuteToolResponse:
        return await self.service.ExecuteTool(request(tool, **args), fake_context(*headers))

    async def stream(self, tool: str, /, **args: object) -> list[pb.ToolChunk]:
        chunks = self.service.ExecuteStreamingTool(request(tool, **args), fake_context())
        return [chunk async for chunk in chunks]


def request(tool: str, /, **args: object) -> pb.ExecuteToolRequest:
    parameters = {name: AnyMessage(value=json.dumps(each).encode()) for name, each in args.items()}
    return pb.ExecuteToolRequest(tool_name=tool, session_id="s1", parameters=parameters)


@asynccontextmanager
async def serving(**bridge: Any) -> AsyncIterator[Serving]:
    async with running(Tools()) as handler:
        dispatcher = Dispatcher(handler, max_value_bytes=MAX_VALUE_BYTES)
        service = bridge_service(dispatcher, Bridge(**bridge))
        yield Serving(service, handler)


def value_of(response: pb.ExecuteToolResponse) -> Any:
    assert response.success, response.error_message
    return json.loads(response.result.value)


# --- one value ------------------------------------------------------------------------------------


@pytest.mark.defect("D1", "D2")
@pytest.mark.parametrize(
    ("value", "label"), [(42, "float"), (None, "string"), ({"a": [1]}, "map"), ("é", "string")]
)
async def test_a_value_arrives_as_it_was_returned(value: object, label: str) -> None:
    async with serving() as bridge:
        response = await bridge.execute("echo", value=value)

    assert value_of(response) == value
    assert response.result.type_url == f"type.googleapis.com/snakepit.{label}"
    assert response.execution_time_ms >= 0
    assert "run_ms" in response.metadata


async def test_values_have_the_shapes_of_snakepits_own_python_side_where_that_is_wanted() -> None:
    async with serving(upstream=True) as bridge:
        assert (await bridge.execute("echo", value=42)).result.value == b"42.0"


@pytest.mark.parametrize("header", ["", "sp-1"])
async def test_the_code_sees_the_metadata_and_the_correlation_id_of_its_call(header: str) -> None:
    asked = request("whose")
    asked.metadata["asked_by"] = "Ada"
    async with serving() as bridge:
        headers = [("x-snakepit-correlation-id", header)]
        response = await bridge.service.ExecuteTool(asked, fake_context(*headers))

    session_id, metadata, correlation_id = value_of(response)
    assert session_id == "s1"
    assert metadata == {"asked_by": "Ada"}
    assert correlation_id == header if header else len(correlation_id) == 32


async def test_a_command_takes_the_session_that_an_argument_names() -> None:
    async with serving() as bridge:
        worker_s = await bridge.execute("whose")
        named = await bridge.execute("whose", session_id="s2")
        empty = await bridge.execute("whose", session_id="")
        own = await bridge.execute("mine", session_id="s2")
        other = await bridge.execute("whose", session_id=2)

    assert value_of(worker_s)[0] == "s1"
    assert value_of(named)[0] == "s2"
    assert value_of(empty)[0] == "s1"
    assert value_of(own) == ["s1", "s2"]
    assert "'session_id' is unknown" in json.loads(other.error_message)["message"]


# --- failures -------------------------------------------------------------------------------------


async def test_a_failure_is_told_in_the_answer() -> None:
    async with serving() as bridge:
        response = await bridge.execute("fail", text="bad")

    told = json.loads(response.error_message)
    assert not response.success
    assert (told["type"], told["message"]) == ("LookupError", "bad")
    assert told["context"] == {"tool_name": "fail", "session_id": "s1"}
    assert not response.HasField("result")


@pytest.mark.parametrize(
    ("tool", "args", "kind"),
    [
        ("ecko", {}, "CommandNotFoundError"),
        ("echo", {}, "InvalidArgumentError"),
        ("count", {"upto": 1}, "WrongCallError"),
        ("echo", {"value": "x" * MAX_VALUE_BYTES}, "QuotaExceededError"),
    ],
)
async def test_a_command_that_is_refused_is_a_failure_like_any_other(
    tool: str, args: dict[str, object], kind: str
) -> None:
    async with serving() as bridge:
        response = await bridge.execute(tool, **args)

    assert json.loads(response.error_message)["type"] == kind


async def test_an_encoding_that_does_not_exist_is_a_failure_that_lists_those_that_do() -> None:
    header = ("snakepit-encoding", "xml")
    async with serving() as bridge:
        response = await bridge.execute("echo", header, value=1)
        chunks = bridge.service.ExecuteStreamingTool(request("count", upto=1), fake_context(header))
        with pytest.raises(AbortedError) as caught:
            await anext(chunks)

    told = json.loads(response.error_message)
    assert told["type"] == "InvalidArgumentError"
    assert "'xml'" in told["message"]
    assert "json" in told["message"]
    assert json.loads(caught.value.details)["type"] == "InvalidArgumentError"


@pytest.mark.parametrize("streams", [False, True])
async def test_a_deadline_is_told_by_the_status(*, streams: bool) -> None:
    context = fake_context(remaining_s=0.01)
    async with serving() as bridge:
        answer = (
            anext(bridge.service.ExecuteStreamingTool(request("wait"), context))
            if streams
            else bridge.service.ExecuteTool(request("wait"), context)
        )
        with pytest.raises(AbortedError) as caught:
            await answer

    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "'wait'" in caught.value.details


# --- streams --------------------------------------------------------------------------------------


async def test_the_items_are_numbered_and_an_empty_last_one_is_added() -> None:
    async with serving() as bridge:
        chunks = await bridge.stream("count", upto=2)

    assert chunks == [
        pb.ToolChunk(chunk_id="count-1", data=b"0"),
        pb.ToolChunk(chunk_id="count-2", data=b"1"),
        pb.ToolChunk(chunk_id="count-3", is_final=True),
    ]


async def test_a_command_that_does_not_stream_has_one_item() -> None:
    async with serving() as bridge:
        chunks = await bridge.stream("echo", value={"a": 1})

    assert chunks == [
        pb.ToolChunk(chunk_id="echo-1", data=b'{"a":1}'),
        pb.ToolChunk(chunk_id="echo-2", is_final=True),
    ]


@pytest.mark.parametrize(
    ("final_at", "finals"),
    [
        ([], [False, False, False, True]),
        ([2], [False, False, True]),
        ([0], [True, False, False]),
        ([0, 1], [True, True, False]),
    ],
)
async def test_no_last_item_is_added_where_one_was_final_and_those_after_it_still_come(
    final_at: list[int], finals: list[bool]
) -> None:
    async with serving() as bridge:
        chunks = await bridge.stream("chunks", final_at=final_at)

    assert [chunk.is_final for chunk in chunks] == finals
    assert [chunk.chunk_id for chunk in chunks] == [
        f"chunks-{number + 1}" for number in range(len(finals))
    ]
    assert [json.loads(chunk.data) for chunk in chunks[:3]] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert dict(chunks[0].metadata) == {"n": "0", "x": "None"}


@pytest.mark.defect("D13")
async def test_a_stream_that_fails_ends_with_a_status_that_fits_into_a_header() -> None:
    async with serving() as bridge:
        chunks = bridge.service.ExecuteStreamingTool(
            request("break", text="é" * 100_000), fake_context()
        )
        first = await anext(chunks)
        with pytest.raises(AbortedError) as caught:
            await anext(chunks)

    assert first.data == b"1"
    assert caught.value.code is grpc.StatusCode.INTERNAL
    assert len(caught.value.details) <= 2000
    told = json.loads(caught.value.details)
    assert told["type"] == "LookupError"
    assert told["context"]["tool_name"] == "break"


# --- sessions -------------------------------------------------------------------------------------


class Keeper:
    """Answers for sessions as the test wants."""

    def __init__(self, answer: BaseException | None = None) -> None:
        self.sessions: list[str] = []
        self._answer = answer

    def seen(self, session_id: str) -> None:
        self.sessions.append(session_id)

    async def begin(self, request: pb.InitializeSessionRequest) -> pb.InitializeSessionResponse:
        return self._answered(pb.InitializeSessionResponse(success=True))

    async def end(self, request: pb.CleanupSessionRequest) -> pb.CleanupSessionResponse:
        return self._answered(pb.CleanupSessionResponse(success=True))

    async def describe(self, request: pb.GetSessionRequest) -> pb.GetSessionResponse:
        return self._answered(pb.GetSessionResponse(session_id=request.session_id))

    async def beat(self, request: pb.HeartbeatRequest) -> pb.HeartbeatResponse:
        return self._answered(pb.HeartbeatResponse(session_valid=True))

    def _answered(self, response: _Response) -> _Response:
        if self._answer is not None:
            raise self._answer
        return response


async def ask_all(service: BridgeService) -> AsyncIterator[Any]:
    """Everything that a keeper answers, each as a coroutine."""
    context = fake_context()
    yield service.InitializeSession(pb.InitializeSessionRequest(session_id="s"), context)
    yield service.CleanupSession(pb.CleanupSessionRequest(session_id="s"), context)
    yield service.GetSession(pb.GetSessionRequest(session_id="s"), context)
    yield service.Heartbeat(pb.HeartbeatRequest(session_id="s"), context)


async def test_the_keeper_answers_for_sessions_and_hears_of_every_call() -> None:
    keeper = Keeper()
    async with serving(keeper=keeper) as bridge:
        await bridge.execute("echo", value=1)
        await bridge.stream("echo", value=1)
        begun, ended, told, alive = [await each async for each in ask_all(bridge.service)]

    assert keeper.sessions == ["s1", "s1"]
    assert (begun.success, ended.success) == (True, True)
    assert told.session_id == "s"
    assert alive.session_valid


class RpcFailedError(grpc.RpcError):
    """What grpc raises for a call that failed."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.ALREADY_EXISTS

    def details(self) -> str:
        return "é" * 10_000


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HostUnavailableError("away"), grpc.StatusCode.UNAVAILABLE),
        (BridgeError("own"), grpc.StatusCode.INTERNAL),
        (RpcFailedError(), grpc.StatusCode.ALREADY_EXISTS),
    ],
)
async def test_what_a_keeper_has_no_answer_for_is_a_status(
    error: Exception, code: grpc.StatusCode
) -> None:
    async with serving(keeper=Keeper(error)) as bridge:
        async for asked in ask_all(bridge.service):
            with pytest.raises(AbortedError) as caught:
                await asked
            assert caught.value.code is code
            assert len(caught.value.details) <= 2000


async def test_a_bridge_without_a_host_answers_for_its_own_sessions() -> None:
    async with serving() as bridge:
        begun, ended, told, alive = [each async for each in ask_all(bridge.service)]
        assert (await begun).success
        assert (await ended).success
        with pytest.raises(AbortedError) as caught:
            await told
        assert not (await alive).session_valid

    assert caught.value.code is grpc.StatusCode.NOT_FOUND


# --- life -----------------------------------------------------------------------------------------


async def test_a_ping_is_answered() -> None:
    async with serving() as bridge:
        answer = await bridge.service.Ping(pb.PingRequest(message="hi"), fake_context())

    assert answer.message == "Pong from Python: hi"
    assert answer.server_time.seconds > 0


async def _nothing() -> AsyncIterator[pb.TelemetryControl]:
    return
    yield


async def test_a_bridge_without_a_telemetry_stream_says_so() -> None:
    async with serving() as bridge:
        with pytest.raises(AbortedError) as caught:
            await anext(bridge.service.StreamTelemetry(_nothing(), fake_context()))

    assert caught.value.code is grpc.StatusCode.UNIMPLEMENTED


async def test_events_are_told_until_the_stream_is_closed() -> None:
    stream = TelemetryStream()
    async with serving(telemetry_stream=stream) as bridge:
        events = bridge.service.StreamTelemetry(_nothing(), fake_context())
        first = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        stream.emit("tool.execution.start", {"system_time": 1}, {"tool": "echo"})
        event = await first
        stream.close()
        rest = [each async for each in events]

    assert list(event.event_parts) == ["tool", "execution", "start"]
    assert rest == []


async def test_what_a_host_serves_is_served_where_the_bridge_is_its_own() -> None:
    elsewhere = cast("HostRuntime", object())  # nothing is asked of it
    own = commands_of(Tools())
    worker = CommandHandler(own.registry, SessionManager(elsewhere))

    services = [bridge_service(Dispatcher(each), Bridge()) for each in (own, worker)]

    assert [isinstance(each, HostingRpcs) for each in services] == [True, False]


def test_the_service_has_the_name_that_snakepit_calls() -> None:
    assert BRIDGE_SERVICE == "snakepit.bridge.BridgeService"
