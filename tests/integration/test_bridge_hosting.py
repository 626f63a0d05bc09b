"""The bridge as a host: its variables and tools for any gRPC client."""

from __future__ import annotations

import asyncio
import json
import pickle
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import grpc
import pytest

from snakepit_bridge.adapters.variable_types import VariableType
from snakepit_bridge.errors import ErrorCode, QuotaExceededError, VersionConflictError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc._generated.snakepit_bridge_pb2_grpc import BridgeServiceStub
from snakepit_bridge.grpc.bridge_watch import INLINE_BYTES
from snakepit_bridge.grpc.client import BridgeClient
from snakepit_bridge.session.host import HostTool
from snakepit_bridge.session.limits import SessionLimits
from snakepit_bridge.session.variables import VariableStore, VariableUpdate
from snakepit_bridge.session_context import SessionContext
from tests.integration.hosted import TIMEOUT_S, Hosted, hosted, value
from tests.integration.served import info_of


@pytest.fixture
async def bridge() -> AsyncIterator[Hosted]:
    async with hosted() as it:
        yield it


async def _refused(call: Any) -> tuple[grpc.StatusCode, str, str]:
    """Status, error code and text of a call that fails."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), info_of(caught.value).reason, str(caught.value.details())


# --- variables ----------------------------------------------------------------------------------


async def test_a_variable_is_registered_read_changed_and_deleted(bridge: Hosted) -> None:
    variable_id = await bridge.register("temperature", "0.7", "float")

    assert variable_id.startswith("var_temperature_")
    assert (await bridge.get("temperature")).value.value == b"0.7"
    assert await bridge.set(variable_id, "1") == 1
    changed = await bridge.get(variable_id)
    assert (changed.name, changed.type, changed.version) == ("temperature", "float", 1)
    assert (changed.value.type_url, changed.value.value) == (
        "type.googleapis.com/snakepit.float",
        b"1.0",
    )
    deleted = await bridge.call("DeleteVariable", variable_identifier="temperature")
    assert deleted.success
    missing = await _refused(bridge.get("temperature"))
    assert missing[:2] == (grpc.StatusCode.NOT_FOUND, "VARIABLE_NOT_FOUND")
    assert missing[2].startswith("Variable not found: temperature.")


async def test_several_variables_are_read_and_changed_at_once(bridge: Hosted) -> None:
    for name in ("a", "b"):
        await bridge.register(name, "1", "integer", constraints_json='{"max": 9}')

    refused = await bridge.call(
        "SetVariables", updates={"a": value("2"), "b": value("10")}, atomic=True
    )
    partly = await bridge.call("SetVariables", updates={"a": value("2"), "b": value("10")})
    read = await bridge.call("GetVariables", variable_identifiers=["a", "b", "c"])
    listed = await bridge.call("ListVariables", pattern="a*")

    assert not refused.success
    assert dict(refused.new_versions) == {}
    assert dict(partly.new_versions) == {"a": 1}
    assert "at most 9" in partly.errors["b"]
    assert {name: each.value.value for name, each in read.variables.items()} == {
        "a": b"2",
        "b": b"1",
    }
    assert list(read.missing_variables) == ["c"]
    assert [each.name for each in listed.variables] == ["a"]


async def test_the_past_of_a_variable_is_told_and_brought_back(bridge: Hosted) -> None:
    await bridge.register("x", '"first"')
    await bridge.set("x", '"second"')

    history = await bridge.call("GetVariableHistory", variable_identifier="x")
    back = await bridge.call("RollbackVariable", variable_identifier="x", target_version=0)

    assert [(each.version, each.value.value) for each in history.entries] == [
        (1, b'"second"'),
        (0, b'"first"'),
    ]
    assert (back.success, back.variable.version, back.variable.value.value) == (
        True,
        2,
        b'"first"',
    )
    wrong = await _refused(
        bridge.call("RollbackVariable", variable_identifier="x", target_version=7)
    )
    assert wrong[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert "has no version 7; of it are kept 0 to 2" in wrong[2]


async def test_an_optimiser_claims_a_variable(bridge: Hosted) -> None:
    await bridge.register("x", "1")

    started = await bridge.call("StartOptimization", variable_identifier="x", optimizer_id="m")
    other = await _refused(
        bridge.call("StartOptimization", variable_identifier="x", optimizer_id="other")
    )
    claimed = await bridge.get("x")
    stopped = await bridge.call("StopOptimization", variable_identifier="x")

    assert started.success
    assert started.optimization_id
    assert other[:2] == (grpc.StatusCode.FAILED_PRECONDITION, "WRONG_CALL")
    assert claimed.optimization_status.optimizer_id == "m"
    assert (stopped.success, stopped.final_value.value) == (True, b"1")
    assert not (await bridge.get("x")).optimization_status.optimizing


@pytest.mark.parametrize(
    ("rpc", "fields", "status", "code"),
    [
        ("SetVariable", {"variable_identifier": "no"}, "NOT_FOUND", "VARIABLE_NOT_FOUND"),
        (
            "SetVariable",
            {"variable_identifier": "x", "value": value('"hot"')},
            "INVALID_ARGUMENT",
            "INVALID_ARGUMENT",
        ),
        (
            "SetVariable",
            {"variable_identifier": "x", "value": value("1"), "expected_version": 3},
            "ABORTED",
            "VERSION_CONFLICT",
        ),
        (
            "RegisterVariable",
            {"name": "x", "initial_value": value("1")},
            "ALREADY_EXISTS",
            "VERSION_CONFLICT",
        ),
        (
            "RegisterVariable",
            {"name": "y", "initial_value": value("1"), "type": "flaot"},
            "INVALID_ARGUMENT",
            "INVALID_ARGUMENT",
        ),
        (
            "RegisterVariable",
            {"name": "", "initial_value": value("1")},
            "INVALID_ARGUMENT",
            "INVALID_ARGUMENT",
        ),
        (
            "RegisterVariable",
            {"name": "y", "initial_value": value(json.dumps("x" * 2000))},
            "RESOURCE_EXHAUSTED",
            "QUOTA_EXCEEDED",
        ),
        (
            "AddDependency",
            {"from_variable": "x", "to_variable": "x"},
            "INVALID_ARGUMENT",
            "INVALID_ARGUMENT",
        ),
    ],
)
async def test_whatever_goes_wrong_has_its_status(
    rpc: str, fields: dict[str, Any], status: str, code: str
) -> None:
    async with hosted(limits=SessionLimits(variable_bytes=1000)) as bridge:
        await bridge.register("x", "1", "integer")
        await bridge.set("x", "2")

        refused = await _refused(bridge.call(rpc, **fields))

        assert (refused[0].name, refused[1]) == (status, code)
        assert (await bridge.get("x")).value.value == b"2"


async def test_a_conflict_speaks_of_the_versions_of_the_wire(bridge: Hosted) -> None:
    await bridge.register("x", "1")
    await bridge.set("x", "2")
    await bridge.set("x", "3", expected_version=1)

    refused = await _refused(
        bridge.call("SetVariable", variable_identifier="x", value=value("4"), expected_version=1)
    )

    assert refused[2].startswith("Variable 'x' is at version 2; version 1 was expected.")


@pytest.mark.defect("D4")
async def test_no_pickle_is_ever_read(bridge: Hosted) -> None:
    label = "snakepit.tensor.binary"
    pickled = pickle.dumps([1.0])
    description = value('{"binary_format": "pickle", "type": "tensor"}', label)

    refused = await _refused(
        bridge.call(
            "RegisterVariable",
            name="x",
            type="tensor",
            initial_value=description,
            initial_binary_value=pickled,
        )
    )
    await bridge.call("RegisterVariable", name="y", initial_binary_value=pickled)

    assert refused[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert "nobody here reads" in refused[2]
    assert (await bridge.get("y")).binary_value == pickled


async def test_what_nobody_foresaw_is_told_without_its_content(
    bridge: Hosted, caplog: pytest.LogCaptureFixture
) -> None:
    """The status says the kind of it, the log has the rest under the same id."""

    class BrokenStore(VariableStore):
        def is_quick(self, session_id: str, limit_bytes: int) -> bool:
            raise RuntimeError("a secret")

    bridge.host.variables = BrokenStore()

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await bridge.register("x", "1")

    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "RuntimeError" in str(caught.value.details())
    assert "secret" not in str(caught.value.details())
    assert info_of(caught.value).metadata["error_id"] in caplog.text
    assert "a secret" in caplog.text


# --- sessions -----------------------------------------------------------------------------------


async def test_registering_a_variable_opens_its_session(bridge: Hosted) -> None:
    unknown = await _refused(bridge.call("ListVariables"))
    await bridge.register("x", "1")

    assert unknown[:2] == (grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")
    assert unknown[2].startswith("Session not found: s.")
    assert [bridge.sessions.find("s").id] == ["s"]
    assert len((await bridge.call("ListVariables")).variables) == 1


@pytest.mark.parametrize(
    "rpc",
    [
        "GetVariable",
        "SetVariable",
        "GetVariables",
        "SetVariables",
        "ListVariables",
        "DeleteVariable",
        "GetVariableHistory",
        "RollbackVariable",
        "AddDependency",
        "StartOptimization",
        "StopOptimization",
    ],
)
async def test_everything_else_wants_its_session_open(bridge: Hosted, rpc: str) -> None:
    refused = await _refused(bridge.call(rpc, "never opened"))

    assert refused[:2] == (grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")
    assert len(bridge.sessions) == 0


async def test_a_request_names_its_session(bridge: Hosted) -> None:
    refused = await _refused(bridge.call("RegisterVariable", "", name="x"))

    assert refused[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert len(bridge.sessions) == 0


async def test_variables_are_used_while_their_session_lives(bridge: Hosted) -> None:
    limits = SessionLimits()
    await bridge.register("x", "1")
    for _ in range(3):
        bridge.clock.advance(0.9 * limits.idle_s)
        await bridge.get("x")
        assert bridge.sessions.expire() == []
    bridge.clock.advance(1.1 * limits.idle_s)

    assert bridge.sessions.expire() == ["s"]
    assert (await _refused(bridge.get("x")))[1] == "SESSION_NOT_FOUND"


async def test_commands_and_callers_over_the_wire_share_the_variables(bridge: Hosted) -> None:
    session = bridge.sessions.get_or_create("s")
    await bridge.register("x", "1")

    assert await session.aget_variable("x") == 1
    await session.aset_variable("x", [2])
    seen = await bridge.get("x")
    assert (seen.value.value, seen.version, seen.source) == (b"[2]", 1, pb.Variable.PYTHON)


# --- watches ------------------------------------------------------------------------------------


@asynccontextmanager
async def _watching(bridge: Hosted, *names: str, **fields: Any) -> AsyncIterator[Any]:
    """A watch that has begun."""
    request = pb.WatchVariablesRequest(session_id="s", variable_identifiers=names, **fields)
    call = bridge.stub.WatchVariables(request, timeout=TIMEOUT_S)
    await call.initial_metadata()
    try:
        yield call
    finally:
        call.cancel()


async def _rest_of(updates: Any) -> list[Any]:
    return [update async for update in updates]


async def test_a_watch_tells_of_every_change(bridge: Hosted) -> None:
    await bridge.register("a", "1")
    async with _watching(bridge, include_initial_values=True) as updates:
        await bridge.set("a", "2", metadata={"why": "better"})
        await bridge.call("RollbackVariable", variable_identifier="a")
        await bridge.call("DeleteVariable", variable_identifier="a")

        told = [await updates.read() for _ in range(4)]

    assert [(each.update_type, each.variable.version) for each in told] == [
        ("initial_value", 0),
        ("value_change", 1),
        ("rollback", 2),
        ("deleted", 2),
    ]
    assert [each.variable.value.value for each in told] == [b"1", b"2", b"1", b""]
    assert told[1].variable.metadata["why"] == "better"
    assert told[1].update_source == "elixir"


async def test_a_watch_tells_of_what_it_was_asked_for(bridge: Hosted) -> None:
    variable_id = await bridge.register("a", "1")
    for name in ("b", "c"):
        await bridge.register(name, "1")
    await bridge.call("AddDependency", from_variable="b", to_variable="c", dependency_type="data")

    async with _watching(bridge, variable_id, "b", "later") as updates:
        for name in ("c", "a"):
            await bridge.set(name, "2")
        await bridge.register("later", "1")
        told = [await updates.read() for _ in range(3)]

    assert [(each.update_type, each.variable.name) for each in told] == [
        ("dependency_change", "b"),
        ("value_change", "a"),
        ("created", "later"),
    ]
    assert dict(told[0].update_metadata) == {"depends_on": "c", "dependency_type": "data"}


async def test_a_watch_hears_of_what_handlers_set(bridge: Hosted) -> None:
    async with _watching(bridge) as updates:
        session = bridge.sessions.find("s")
        await asyncio.to_thread(session.set_variable, "x", 1)
        update = await updates.read()

    assert (update.variable.name, update.update_source) == ("x", "python")


async def test_a_watch_ends_with_its_session(bridge: Hosted) -> None:
    async with _watching(bridge) as updates:
        await bridge.register("x", "1")
        await bridge.call("CleanupSession")

        assert [update.update_type for update in await _rest_of(updates)] == ["created"]
        assert await updates.code() is grpc.StatusCode.OK


async def test_a_session_that_is_watched_is_not_idle(bridge: Hosted) -> None:
    async with _watching(bridge) as updates:
        bridge.clock.advance(100 * SessionLimits().idle_s)
        assert bridge.sessions.expire() == []
        await bridge.register("x", "1")
        assert (await updates.read()).variable.name == "x"


async def test_a_watch_that_is_cancelled_leaves_nothing_behind(bridge: Hosted) -> None:
    left = asyncio.Event()

    leave = bridge.sessions.leave

    def leave_and_tell(session: Any) -> None:
        leave(session)
        left.set()

    async with _watching(bridge) as updates:
        state = bridge.sessions.find("s").state
        bridge.sessions.leave = leave_and_tell  # type: ignore[method-assign]  # to be told
        assert state.running == 1
        updates.cancel()
        await left.wait()

    assert state.running == 0
    assert bridge.host.variables._shelves._watches == {}  # noqa: SLF001


async def test_watches_end_when_the_server_is_to_stop(bridge: Hosted) -> None:
    async with _watching(bridge) as updates:
        bridge.service.end_watches()

        assert await _rest_of(updates) == []
        assert await updates.code() is grpc.StatusCode.OK


async def test_who_reads_slowly_holds_nobody_back_and_gets_the_latest(bridge: Hosted) -> None:
    megabyte, changes = "x" * 1024 * 1024, 100
    await bridge.register("x", "0")
    async with _watching(bridge, "x") as updates:
        for number in range(1, changes + 1):
            await bridge.set("x", json.dumps(f"{number} {megabyte}"))

        versions = [0]
        while versions[-1] < changes:
            versions.append((await updates.read()).variable.version)

    assert versions == sorted(set(versions))
    assert len(versions) < changes


async def test_too_many_changes_end_the_watch_of_who_does_not_read(bridge: Hosted) -> None:
    """Nobody is told of changes before the loop has a turn, so the watch is left behind."""
    async with _watching(bridge) as updates:
        for number in range(1001):
            bridge.host.variables.set("s", VariableUpdate(name=f"x{number}", value=number))

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _rest_of(updates)

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert info_of(caught.value).reason == ErrorCode.QUOTA_EXCEEDED
    assert QuotaExceededError.retryable


# --- the loop -----------------------------------------------------------------------------------


class _Witness:
    """A clock that knows on which threads it was read."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.threads: list[int] = []

    def __call__(self) -> datetime:
        self.threads.append(threading.get_ident())
        return self._now()


@pytest.mark.parametrize(
    ("fields", "is_quick"),
    [
        ({"initial_value": value('"a"'), "type": "string"}, True),
        (
            {
                "initial_value": value('"a"'),
                "type": "string",
                "constraints_json": '{"pattern": "^(a|aa)+$"}',
            },
            False,
        ),
        ({"initial_value": value(json.dumps("a" * INLINE_BYTES))}, False),
    ],
)
async def test_only_what_is_quick_is_done_on_the_loop(
    bridge: Hosted, fields: dict[str, Any], *, is_quick: bool
) -> None:
    witness = _Witness(bridge.clock.now)
    bridge.host.variables = VariableStore(now=witness)

    await bridge.call("RegisterVariable", name="x", **fields)
    await bridge.set("x", '"b"') if is_quick else await bridge.set("x", '"aa"')

    on_loop = [each == threading.get_ident() for each in witness.threads]
    assert on_loop == [is_quick, is_quick]


# --- tools --------------------------------------------------------------------------------------


async def test_tools_are_told_and_called(bridge: Hosted) -> None:
    def double(x: int) -> int:
        """Twice as much."""
        return 2 * x

    bridge.host.offer(double)

    told = await bridge.call("GetExposedElixirTools")
    answer = await bridge.call(
        "ExecuteElixirTool", tool_name="double", parameters={"x": value("21")}
    )
    unknown = await bridge.call("ExecuteElixirTool", tool_name="doubel")

    assert [(each.name, each.parameters[0].type) for each in told.tools] == [("double", "integer")]
    assert (answer.success, answer.result.value) == (True, b"42")
    assert unknown.error_message == ("Tool doubel not found for session s. Did you mean 'double'?")


async def test_a_tool_that_is_not_waited_for_any_more_is_cancelled(bridge: Hosted) -> None:
    entered, ended = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    bridge.host.offer(wait)
    call = bridge.stub.ExecuteElixirTool(
        pb.ExecuteElixirToolRequest(session_id="s", tool_name="wait")
    )
    async with asyncio.timeout(5):
        await entered.wait()
        call.cancel()
        await ended.wait()


async def test_workers_register_their_tools(bridge: Hosted) -> None:
    tools = [pb.ToolRegistration(name="embed", supports_streaming=True)]

    answer = await bridge.call("RegisterTools", worker_id="w1", tools=tools)
    taken = await bridge.call("RegisterTools", worker_id="w2", tools=tools)
    await bridge.call("CleanupSession")
    free = await bridge.call("RegisterTools", worker_id="w2", tools=tools)

    assert dict(answer.tool_ids) == {"embed": "s:embed"}
    assert not taken.success
    assert "duplicate_tool" in taken.error_message
    assert free.success


# --- our own client -----------------------------------------------------------------------------


async def test_a_client_that_changes_variables_is_heard_by_who_watches(bridge: Hosted) -> None:
    async with BridgeClient(bridge.address) as client, _watching(bridge) as updates:
        assert await client.aset_variable(session_id="s", name="x", value=[1]) == 1
        assert await client.aset_variable(session_id="s", name="x", value=[2]) == 2
        told = [await updates.read() for _ in range(2)]

        assert await client.adelete_variable(session_id="s", name="x")
        told.append(await updates.read())

    assert [(each.update_type, each.variable.value.value) for each in told] == [
        ("created", b"[1]"),
        ("value_change", b"[2]"),
        ("deleted", b""),
    ]


@pytest.mark.parametrize(
    "rpc",
    [
        "GetVariableHistory",
        "RollbackVariable",
        "StartOptimization",
        "StopOptimization",
        "GetVariables",
    ],
)
async def test_a_client_reaches_the_rest_by_name(bridge: Hosted, rpc: str) -> None:
    requests = {
        "GetVariableHistory": pb.GetVariableHistoryRequest(variable_identifier="x"),
        "RollbackVariable": pb.RollbackVariableRequest(variable_identifier="x"),
        "StartOptimization": pb.StartOptimizationRequest(variable_identifier="x", optimizer_id="m"),
        "StopOptimization": pb.StopOptimizationRequest(variable_identifier="x", force=True),
        "GetVariables": pb.BatchGetVariablesRequest(variable_identifiers=["x"]),
    }
    await bridge.register("x", "1")
    request: Any = requests[rpc]
    request.session_id = "s"

    async with BridgeClient(bridge.address) as client:
        answer = await client.arequest(rpc, request)

    assert answer.ByteSize() > 0


async def test_a_tool_with_a_session_of_its_own_is_called_by_a_client(bridge: Hosted) -> None:
    bridge.host.offer(lambda **args: args, HostTool(name="echo"), session_id="mine")
    async with BridgeClient(bridge.address) as client:
        answer = await client.acall_tool(
            session_id="mine", tool_name="echo", args={"text": "ö", "rows": [{"a": None}]}
        )
        tools = await client.alist_tools(session_id="theirs")

    assert answer == {"text": "ö", "rows": [{"a": None}]}
    assert tools == []


async def test_adapters_of_snakepit_0_4_find_their_variables_here(bridge: Hosted) -> None:
    def work() -> None:
        with grpc.insecure_channel(bridge.address) as channel:
            session = SessionContext(BridgeServiceStub(channel), "s")
            variable_id = session.register_variable(
                "temperature", VariableType.FLOAT, 1, constraints={"max": 2}
            )
            session["tone"] = "warm"
            session.v.tone = "cold"
            session.update_variable(variable_id, 1.5)
            with pytest.raises(ValueError, match="must be at most 2"):
                session.update_variable("temperature", 3)
            together = session.update_variables({"tone": "dry", "temperature": 3}, atomic=True)
            session.clear_cache()

            assert session.get_variables(["tone", variable_id])["tone"] == "cold"
            assert session["temperature"] == 1.5
            assert True not in together.values()
            assert [each["version"] for each in session.list_variables("t*")] == [1, 1]
            session.delete_variable("tone")
            assert "tone" not in session

    await bridge.call("InitializeSession")
    await asyncio.to_thread(work)


# --- together -----------------------------------------------------------------------------------


async def _count_once(bridge: Hosted) -> None:
    """Add one, however often somebody else is quicker."""
    while True:
        seen = await bridge.get("count")
        after = str(int(seen.value.value) + 1)
        try:
            await bridge.set("count", after, expected_version=seen.version)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.ABORTED:
                raise
        else:
            return


async def test_of_many_clients_that_count_none_is_lost(bridge: Hosted) -> None:
    clients, rounds = 6, 8
    await bridge.register("count", "0", "integer")

    async def count_up() -> None:
        for _ in range(rounds):
            await _count_once(bridge)

    # Version 0 is the one that cannot be expected on the wire.
    await bridge.set("count", "0")
    async with _watching(bridge, "count") as updates:
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(count_up())
        told = [await updates.read() for _ in range(clients * rounds)]

    assert (await bridge.get("count")).value.value == str(clients * rounds).encode()
    assert [int(each.variable.value.value) for each in told] == list(range(1, clients * rounds + 1))


async def test_batches_of_many_clients_are_all_or_nothing(bridge: Hosted) -> None:
    for name in ("left", "right"):
        await bridge.register(name, "0", "integer")

    async def write(number: int) -> None:
        both = {name: value(str(number)) for name in ("left", "right")}
        for _ in range(5):
            answer = await bridge.call("SetVariables", updates=both, atomic=True)
            assert answer.success

    async def read() -> None:
        for _ in range(20):
            answer = await bridge.call("GetVariables", variable_identifiers=["left", "right"])
            values = {each.value.value for each in answer.variables.values()}
            assert len(values) == 1

    async with asyncio.TaskGroup() as group:
        for number in range(1, 7):
            group.create_task(write(number))
        for _ in range(2):
            group.create_task(read())


async def test_of_many_that_register_one_name_one_succeeds(bridge: Hosted) -> None:
    async def register() -> bool:
        try:
            await bridge.register("x", "1")
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
                raise
            return False
        return True

    succeeded = await asyncio.gather(*(register() for _ in range(20)))

    assert sum(succeeded) == 1


async def test_clients_that_create_the_same_variable_do_not_disturb_each_other(
    bridge: Hosted,
) -> None:
    async with BridgeClient(bridge.address) as client:
        versions = await asyncio.gather(
            *(client.aset_variable(session_id="s", name="x", value=number) for number in range(20))
        )

    assert max(versions) == 20
    assert bridge.host.variables.find("s", "x").version == 20


async def test_of_clients_that_expect_the_same_version_one_wins(bridge: Hosted) -> None:
    async with BridgeClient(bridge.address) as client:
        await client.aset_variable(session_id="s", name="x", value=0)
        await client.aset_variable(session_id="s", name="x", value=1)
        outcomes = await asyncio.gather(
            *(
                client.aset_variable(session_id="s", name="x", value=2, expected_version=2)
                for _ in range(10)
            ),
            return_exceptions=True,
        )

    assert [each for each in outcomes if each == 3] == [3]
    assert all(isinstance(each, VersionConflictError) for each in outcomes if each != 3)
