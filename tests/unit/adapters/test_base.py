from __future__ import annotations

import asyncio
import importlib
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import pytest

from snakepit_bridge.adapters.base import BaseAdapter, ToolMetadata, tool
from snakepit_bridge.adapters.tools import tools_of
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb


class Echo(BaseAdapter):
    @tool()
    def echo(self, text: str) -> str:
        raise NotImplementedError

    @tool()
    def ping(self) -> str:
        raise NotImplementedError


class Elixir:
    """A stub that answers as Elixir does, and keeps what it was asked."""

    def __init__(self, response: pb.RegisterToolsResponse | Exception) -> None:
        self.requests: list[pb.RegisterToolsRequest] = []
        self._response = response

    def RegisterTools(self, request: pb.RegisterToolsRequest) -> pb.RegisterToolsResponse:  # noqa: N802  (gRPC's name)
        self.requests.append(request)
        if isinstance(self._response, Exception):
            raise self._response
        return self._response


def taken(*names: str) -> pb.RegisterToolsResponse:
    return pb.RegisterToolsResponse(success=True, tool_ids={name: f"s1:{name}" for name in names})


def context(session_id: str) -> Any:
    return SimpleNamespace(session_id=session_id)


# --- names -------------------------------------------------------------------------------------


@pytest.mark.defect("D23")
def test_generated_adapters_find_the_base_class_here() -> None:
    module = importlib.import_module("snakepit_bridge.adapters.base")

    assert (module.BaseAdapter, module.tool) == (BaseAdapter, tool)
    assert module.ToolMetadata is ToolMetadata
    assert module.tools_of is tools_of


def test_an_object_serves_one_request_unless_its_class_says_more() -> None:
    assert BaseAdapter.adapter_lifetime == "request"


# --- the session of a call ---------------------------------------------------------------------


def test_outside_of_calls_there_is_no_session() -> None:
    adapter = BaseAdapter()

    assert adapter.session_context is None
    assert adapter.session_id is None


def test_a_call_sees_its_session_under_both_names() -> None:
    class Older(BaseAdapter):
        def older_name(self) -> Any:
            return self._session_context

    adapter = Older()
    mine = context("s1")

    adapter.set_session_context(mine)

    assert adapter.session_context is mine
    assert adapter.older_name() is mine
    assert adapter.session_id == "s1"


def test_a_constructor_may_forget_ours_and_set_the_context_to_nothing() -> None:
    class Forgetful(BaseAdapter):
        def __init__(self) -> None:
            self.session_context = None

        def set_session_context(self, context: Any) -> None:
            self.session_context = context

        def __eq__(self, other: object) -> bool:
            raise NotImplementedError

        __hash__ = None  # type: ignore[assignment]  # as of any class with an __eq__ alone

    adapter = Forgetful()
    adapter.set_session_context(context("s1"))

    assert adapter.session_id == "s1"
    assert adapter.get_tools() == []


def test_two_adapters_in_one_context_keep_their_own_sessions() -> None:
    inner, outer = BaseAdapter(), BaseAdapter()

    outer.set_session_context(context("outer"))
    inner.set_session_context(context("inner"))

    assert (outer.session_id, inner.session_id) == ("outer", "inner")


def test_a_context_keeps_nothing_of_adapters_that_are_gone() -> None:
    from snakepit_bridge.adapters.base import _contexts

    def serve() -> int:
        for number in range(5):
            BaseAdapter().set_session_context(context(f"s{number}"))
        return len(_contexts.get())

    assert copy_context().run(serve) == 1


@pytest.mark.defect("D26")
def test_one_object_that_serves_two_threads_sees_the_session_of_each() -> None:
    class Shared(BaseAdapter):
        adapter_lifetime: ClassVar[Literal["request", "session", "process"]] = "process"

    adapter = Shared()
    both_set = threading.Barrier(2, timeout=5)

    def serve(session_id: str) -> str | None:
        adapter.set_session_context(context(session_id))
        both_set.wait()
        return adapter.session_id

    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(copy_context().run, serve, name) for name in ("left", "right")]
        seen = [call.result(5) for call in calls]

    assert seen == ["left", "right"]


@pytest.mark.defect("D26")
async def test_one_object_that_serves_two_tasks_sees_the_session_of_each() -> None:
    adapter = BaseAdapter()
    both_set = asyncio.Barrier(2)

    async def serve(session_id: str) -> str | None:
        adapter.set_session_context(context(session_id))
        await both_set.wait()
        return adapter.session_id

    async with asyncio.timeout(5):
        seen = await asyncio.gather(serve("left"), serve("right"))

    assert list(seen) == ["left", "right"]


def test_a_thread_that_knows_no_session_sees_the_last_one() -> None:
    adapter = BaseAdapter()
    adapter.set_session_context(context("first"))
    adapter.set_session_context(context("last"))

    with ThreadPoolExecutor(1) as pool:
        seen = pool.submit(lambda: adapter.session_id).result(5)

    assert seen == "last"


# --- registration ------------------------------------------------------------------------------


def test_the_tools_are_worked_out_once_per_object() -> None:
    adapter = Echo()

    assert [each.name for each in adapter.get_tools()] == ["echo", "ping"]
    assert adapter.get_tools() is adapter.get_tools()


def test_registering_returns_the_names_that_elixir_took() -> None:
    elixir = Elixir(taken("echo", "ping"))
    adapter = Echo()

    names = adapter.register_with_session("s1", elixir)

    assert sorted(names) == ["echo", "ping"]
    (request,) = elixir.requests
    assert request.session_id == "s1"
    assert [each.name for each in request.tools] == ["echo", "ping"]
    assert request.worker_id == f"python-{id(adapter)}"


@pytest.mark.defect("D17")
def test_a_stub_that_knows_its_worker_gives_the_worker_id() -> None:
    elixir = Elixir(taken("echo", "ping"))
    elixir.worker_id = "pool_worker_1_42"  # type: ignore[attr-defined]  # as the worker's stub has

    Echo().register_with_session("s1", elixir)

    assert elixir.requests[0].worker_id == "pool_worker_1_42"


def test_a_stub_with_another_kind_of_worker_id_gives_none() -> None:
    elixir = Elixir(taken("echo", "ping"))
    elixir.worker_id = object()  # type: ignore[attr-defined]  # as a mock would have
    adapter = Echo()

    adapter.register_with_session("s1", elixir)

    assert elixir.requests[0].worker_id == f"python-{id(adapter)}"


async def test_registering_twice_is_as_good_as_once() -> None:
    answer = pb.RegisterToolsResponse(success=False, error_message='{:duplicate_tool, "echo"}')

    assert Echo().register_with_session("s1", Elixir(answer)) == ["echo", "ping"]
    assert await Echo().register_with_session_async("s1", Elixir(answer)) == ["echo", "ping"]


async def test_a_refusal_is_logged_and_leaves_no_names(caplog: pytest.LogCaptureFixture) -> None:
    answer = pb.RegisterToolsResponse(success=False, error_message=":not_found")

    assert Echo().register_with_session("s1", Elixir(answer)) == []
    assert await Echo().register_with_session_async("s1", Elixir(answer)) == []

    assert [record.getMessage() for record in caplog.records] == [
        "Elixir refused 2 tools of session s1: :not_found"
    ] * 2


async def test_a_failing_stub_is_logged_and_leaves_no_names(
    caplog: pytest.LogCaptureFixture,
) -> None:
    elixir = Elixir(OSError("no route"))

    assert Echo().register_with_session("s1", elixir) == []
    assert await Echo().register_with_session_async("s1", elixir) == []

    assert [record.getMessage() for record in caplog.records] == [
        "tools of Echo were not registered"
    ] * 2
    assert {record.levelno for record in caplog.records} == {logging.ERROR}


async def test_an_adapter_without_tools_does_not_bother_elixir() -> None:
    elixir = Elixir(taken())

    assert BaseAdapter().register_with_session("s1", elixir) == []
    assert await BaseAdapter().register_with_session_async("s1", elixir) == []

    assert elixir.requests == []


async def test_an_async_stub_registers_tools_on_the_loop() -> None:
    class Aio:
        async def RegisterTools(self, _request: Any) -> pb.RegisterToolsResponse:  # noqa: N802  (gRPC's name)
            await asyncio.sleep(0)
            return taken("echo")

    assert await Echo().register_with_session_async("s1", Aio()) == ["echo"]


async def test_an_async_stub_is_refused_where_waiting_for_it_would_block_the_loop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Aio:
        async def RegisterTools(self, _request: Any) -> pb.RegisterToolsResponse:  # noqa: N802  (gRPC's name)
            raise NotImplementedError

    assert Echo().register_with_session("s1", Aio()) == []

    assert "register_with_session_async" in caplog.text
