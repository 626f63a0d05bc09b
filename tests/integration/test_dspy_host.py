"""A caller that is language model and tools at once, over real gRPC."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import dspy
import pytest

from snakepit_bridge.errors import ErrorCode, HostToolError, InvalidArgumentError
from snakepit_bridge.grpc.client import BridgeClient
from snakepit_bridge.handlers.dspy import configuration
from snakepit_bridge.handlers.dspy.accounts.spending import Ledger
from snakepit_bridge.handlers.dspy.configuration import Configuration
from snakepit_bridge.handlers.dspy.host.engines import host_engines
from snakepit_bridge.handlers.dspy.models.options import LMOptions
from snakepit_bridge.handlers.dspy.models.session_lm import session_lm_class
from snakepit_bridge.handlers.dspy.runs import Run
from snakepit_bridge.handlers.dspy.tools.making import Tools
from snakepit_bridge.handlers.dspy.workbench import Workbench
from snakepit_bridge.handlers.dspy_handler import DSPyHandler
from snakepit_bridge.handlers.tool_handler import ToolHandler
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.manager import SessionManager
from tests.integration.host_double import HostDouble, host_double

STEPS = (
    {"next_thought": "Look.", "next_tool_name": "search", "next_tool_args": {"query": "cup"}},
    {"next_thought": "Price?", "next_tool_name": "shop_price", "next_tool_args": {"item": "cup"}},
    {"next_thought": "Done.", "next_tool_name": "finish", "next_tool_args": {}},
    {"reasoning": "It was told.", "answer": "A cup is 4.5 today."},
)


def written(fields: dict[str, Any]) -> str:
    """Fields as DSPy's chat adapter reads them."""
    parts = [
        f"[[ ## {name} ## ]]\n{value if isinstance(value, str) else json.dumps(value)}\n\n"
        for name, value in fields.items()
    ]
    return "".join([*parts, "[[ ## completed ## ]]"])


class Caller:
    """The host's side: a shop, and a language model that plays a list of steps."""

    def __init__(self, double: HostDouble) -> None:
        self.double = double
        self.double.offer("search", self.search)
        self.double.offer("shop.price", self.price)
        self.double.offer("llm", self.llm)
        self.requests: list[Any] = []
        self.called: list[Any] = []
        self.cancelled = threading.Event()
        self.is_broken = False
        self.never_ends = False
        self._pieces: dict[str, list[str]] = {}

    def search(self, **args: Any) -> Any:
        """Search the shop."""
        self.called.append(("search", args))
        if self.is_broken:
            raise LookupError("the shop is closed")
        return [{"item": "cup", "left": 3}]

    def price(self, **args: Any) -> float:
        """What an item costs."""
        self.called.append(("shop.price", args))
        return 4.5

    def llm(self, op: str, request: Any = None, stream: str = "") -> Any:
        if op == "cancel":
            self.cancelled.set()
            return None
        if op == "next":
            return self._next(stream)
        self.requests.append(request)
        text = written(STEPS[len(self.requests) - 1])
        if op == "complete":
            usage = {"input_tokens": 10, "output_tokens": 5}
            return {"text": text, "usage": usage, "cost_usd": 0.125}
        name = f"s{len(self.requests)}"
        self._pieces[name] = [text[n : n + 7] for n in range(0, len(text), 7)]
        return {"stream": name}

    def _next(self, stream: str) -> Any:
        pieces = self._pieces[stream]
        if self.never_ends and len(pieces) == 1:
            return {"deltas": []}
        deltas = [pieces.pop(0)] if pieces else []
        return {"deltas": deltas, "done": not pieces, "cost_usd": 0.125}


class Bridge:
    """The bridge's side: a session whose host is the caller."""

    def __init__(self, client: BridgeClient) -> None:
        sessions = SessionManager(client)
        self.bench = Workbench(sessions.instances)
        self.handler = DSPyHandler(sessions.instances, workbench=self.bench)
        self.session: Session = sessions.get_or_create("one")
        self.tools = Tools(self.bench.door, self.bench.allow.find, ToolHandler().offered)
        self.session.settings[configuration.NAMESPACE] = self.configured(streams=False)

    def configured(self, *, streams: bool) -> Configuration:
        engine, async_engine = host_engines("llm", streams=streams, door=self.bench.door)
        model = session_lm_class(dspy)(
            "host/small", engine=engine, async_engine=async_engine, cache=False, num_retries=0
        )
        return Configuration(lm=LMOptions(model="host/small"), language_model=model)

    def agent(self, *specs: Any) -> Any:
        return dspy.ReAct("question -> answer", tools=self.tools.made(specs, self.session))

    async def ask(self, agent: Any) -> Any:
        ref = self.bench.keep(self.session, agent)
        return await self.handler.call(
            self.session, ref=ref, method="__call__", args={"question": "What is a cup?"}
        )


@pytest.fixture
def caller() -> Iterator[Caller]:
    with host_double() as double:
        yield Caller(double)


@pytest.fixture
def bridge(caller: Caller) -> Iterator[Bridge]:
    with BridgeClient(caller.double.address) as client:
        made = Bridge(client)
        yield made
        made.bench.runner.close()


SPECS = (
    {"tool": "search", "parameters": {"properties": {"query": {}}, "required": ["query"]}},
    {"tool": "shop.price", "parameters": {"properties": {"item": {"type": "string"}}}},
)


async def test_an_agent_works_with_the_callers_tools_and_the_callers_model(
    caller: Caller, bridge: Bridge
) -> None:
    answer = await bridge.ask(bridge.agent(*SPECS))

    assert answer["answer"] == "A cup is 4.5 today."
    assert answer["trajectory"]["observation_0"] == '[{"item":"cup","left":3}]'
    assert answer["trajectory"]["observation_1"] == "4.5"
    assert caller.called == [("search", {"query": "cup"}), ("shop.price", {"item": "cup"})]
    assert len(caller.requests) == 4
    assert '"left":3' in str(caller.requests[1]["messages"])
    spent = bridge.handler.usage(bridge.session)["spent"]
    assert (spent["calls"], spent["total_tokens"], spent["cost_usd"]) == (4, 60, 0.5)
    assert spent["unpriced"] == 0


async def test_a_tool_whose_failure_is_fatal_ends_the_command(
    caller: Caller, bridge: Bridge
) -> None:
    caller.is_broken = True
    first, second = SPECS

    with pytest.raises(HostToolError, match="the shop is closed") as caught:
        await bridge.ask(bridge.agent({**first, "on_error": "fail"}, second))

    assert caught.value.code is ErrorCode.HOST_TOOL_FAILED
    assert len(caller.requests) == 1


async def test_a_failing_tool_is_told_to_the_model(caller: Caller, bridge: Bridge) -> None:
    caller.is_broken = True

    answer = await bridge.ask(bridge.agent(*SPECS))

    told = answer["trajectory"]["observation_0"]
    assert told.startswith("The tool search failed: ")
    assert "the shop is closed" in told
    assert "'one'" not in told


async def test_what_the_host_does_not_offer_is_refused_with_the_nearest_name(
    bridge: Bridge,
) -> None:
    with pytest.raises(InvalidArgumentError, match=r"Did you mean .shop\.price.\?"):
        await asyncio.to_thread(bridge.agent, "shop.prize")


async def test_the_callers_model_writes_word_by_word(caller: Caller, bridge: Bridge) -> None:
    agent = bridge.agent(*SPECS)
    listener = dspy.streaming.StreamListener(signature_field_name="answer")
    run = Run(bridge.session, Ledger(), runner=bridge.bench.runner)

    async def streamed() -> list[Any]:
        with bridge.configured(streams=True).applied(dspy, run):
            program = dspy.streamify(agent, stream_listeners=[listener], is_async_program=True)
            return [each async for each in program(question="What is a cup?")]

    *told, last = await bridge.bench.runner.run(streamed())

    pieces = [each for each in told if isinstance(each, dspy.streaming.StreamResponse)]
    assert len(pieces) > 1
    assert "".join(each.chunk for each in pieces).strip() == "A cup is 4.5 today."
    assert last.answer == "A cup is 4.5 today."
    assert (run.ledger.spent().calls, run.ledger.spent().cost_usd) == (4, 0.5)
    assert not caller.cancelled.is_set()


async def test_a_host_is_told_when_nobody_wants_its_words(caller: Caller, bridge: Bridge) -> None:
    caller.never_ends = True
    run = Run(bridge.session, Ledger(), runner=bridge.bench.runner)
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def streamed() -> None:
        with bridge.configured(streams=True).applied(dspy, run):
            program = dspy.streamify(
                dspy.Predict("question -> next_thought"), is_async_program=True
            )
            async for _ in program(question="?"):
                loop.call_soon_threadsafe(began.set)

    task = asyncio.create_task(bridge.bench.runner.run(streamed()))
    await asyncio.wait_for(began.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await asyncio.to_thread(caller.cancelled.wait, 10)
