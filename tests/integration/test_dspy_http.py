"""DSPy's commands as a caller sends them, with a language model that is really behind HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import openai
import pytest

from snakepit_bridge.bootstrap import open_bridge
from snakepit_bridge.client import AsyncClient, connect
from snakepit_bridge.errors import (
    BridgeError,
    CommandDeadlineError,
    DSPyError,
    ErrorCode,
    Outcome,
)
from snakepit_bridge.grpc.listen import Listen
from snakepit_bridge.grpc.server import grpc_server
from snakepit_bridge.handlers.dspy.workbench import Workbench
from snakepit_bridge.handlers.dspy_handler import DSPyHandler
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.settings import Settings
from tests.integration.openai_server import (
    WAIT_S,
    Exchange,
    OpenAIServer,
    fields,
    openai_server,
    refuses,
    says,
)
from tests.unit.handlers.dspy.observed import Observed

KEY = "sk-canary-0123456789abcdef"
SESSION = "s"
LONG_BEGINNING = (
    "[[ ## answer ## ]]\none two three four five six seven eight nine ten eleven twelve thirteen "
    "fourteen fifteen sixteen "
)
QUESTION = {"question": "How much is six times seven?"}


@pytest.fixture
def provider() -> Iterator[OpenAIServer]:
    with openai_server() as server:
        yield server


@pytest.fixture(autouse=True)
async def patience() -> AsyncIterator[None]:
    """Bounds what hangs; measures nothing."""
    async with asyncio.timeout(60):
        yield


class Caller:
    """A client, with a program that waits for questions."""

    def __init__(self, client: AsyncClient, ref: str) -> None:
        self.client = client
        self.ref = ref

    async def ask(self, *, timeout_s: float | None = None, **settings: Any) -> Any:
        """The program's whole record of one question."""
        return await self.client.call(
            "dspy.predict",
            {"ref": self.ref, "args": QUESTION, **settings},
            session=SESSION,
            timeout_s=timeout_s,
        )

    async def follow(
        self, enough: Callable[[dict[str, Any]], object] = lambda _event: False
    ) -> list[dict[str, Any]]:
        """The events of one question, up to the one that is ``enough``."""
        events: list[dict[str, Any]] = []
        given = {"ref": self.ref, "args": QUESTION}
        async with aclosing(self.client.stream("dspy.stream", given, session=SESSION)) as items:
            async for event in items:
                events.append(event)
                if enough(event):
                    break
        return events

    async def refused(self, *, timeout_s: float | None = None) -> BridgeError:
        """The error of a question."""
        with pytest.raises(BridgeError) as caught:
            await self.ask(timeout_s=timeout_s)
        return caught.value


@asynccontextmanager
async def caller(
    provider: OpenAIServer,
    *,
    program: str = "dspy.Predict",
    args: Any = ("question -> answer",),
    **options: Any,
) -> AsyncIterator[Caller]:
    """A caller over gRPC whose session uses the provider; nothing is asked twice unless it says."""
    lm = {**_options(provider), **options}
    async with (
        open_bridge(Settings(), environ={}) as handler,
        grpc_server(handler, Listen(port=0), drain_s=0.2) as address,
        connect(address) as client,
    ):
        await client.call("dspy.configure", {"lm": lm}, session=SESSION)
        ref = await client.call(
            "dspy.create_instance",
            {"class_path": program, "args": args},
            session=SESSION,
        )
        yield Caller(client, ref)


def _options(provider: OpenAIServer) -> dict[str, Any]:
    return {
        "model": "openai/test-model",
        "api_base": provider.address,
        "api_key": KEY,
        "num_retries": 0,
    }


# --- answers ------------------------------------------------------------------------------------


async def test_a_question_is_answered_and_its_tokens_are_counted(provider: OpenAIServer) -> None:
    async with caller(provider) as asking:
        record = await asking.ask()

    assert record["outputs"] == {"answer": "42"}
    assert record["usage"]["calls"] == 1
    assert record["usage"]["input_tokens"] == 11
    assert record["usage"]["output_tokens"] == 7
    (request,) = provider.requests
    assert request.path == "/v1/chat/completions"
    assert request.body["model"] == "test-model"
    assert QUESTION["question"] in request.body["messages"][-1]["content"]


async def test_what_a_call_sets_for_itself_reaches_the_provider(provider: OpenAIServer) -> None:
    async with caller(provider, temperature=0.25, max_tokens=77) as asking:
        await asking.ask()

    assert provider.requests[0].body["temperature"] == 0.25
    assert 77 in provider.requests[0].body.values()


async def test_calls_are_sent_on_one_connection_after_another(provider: OpenAIServer) -> None:
    async with caller(provider) as asking:
        answers = [(await asking.ask())["outputs"]["answer"] for _ in range(3)]

    assert answers == ["42"] * 3
    assert len(provider.requests) == 3


async def test_thirty_two_callers_are_answered_once_the_last_has_asked() -> None:
    """Answers are held back until all have asked, so nobody waits behind anybody."""
    together = threading.Barrier(32)

    def hold(exchange: Exchange) -> None:
        together.wait(timeout=WAIT_S)
        exchange.answer(fields(answer="42"))

    with openai_server(hold) as provider:
        async with caller(provider) as asking, asyncio.TaskGroup() as group:
            tasks = [group.create_task(asking.ask()) for _ in range(32)]

    assert [task.result()["outputs"] for task in tasks] == [{"answer": "42"}] * 32


async def test_an_agent_with_native_tool_calls_ends_with_its_answer(
    provider: OpenAIServer,
) -> None:
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "submit", "arguments": json.dumps({"answer": "42"})},
    }
    provider.next(lambda exchange: exchange.answer(None, tool_calls=[call], finish="tool_calls"))
    given = {"signature": "question -> answer", "tools": []}

    # DSPy knows of this model that it calls tools, and this adapter has it do so.
    async with caller(
        provider, model="openai/gpt-4o-mini", program="dspy.ReActV2", args=given
    ) as asking:
        record = await asking.ask(settings={"adapter": "json"})

    assert record["outputs"]["answer"] == "42"
    (tool,) = provider.requests[0].body["tools"]
    assert tool["function"]["name"] == "submit"


# --- streams ------------------------------------------------------------------------------------


async def test_an_answer_comes_word_by_word(provider: OpenAIServer) -> None:
    provider.next(says(fields(answer="six times seven is forty-two")))

    async with caller(provider) as asking:
        events = await asking.follow()

    tokens = [each for each in events if each["event"] == "token"]
    assert "".join(each["text"] for each in tokens).strip() == "six times seven is forty-two"
    assert len(tokens) > 2
    assert events[-1]["event"] == "prediction"
    assert events[-1]["outputs"] == {"answer": "six times seven is forty-two"}
    assert events[-1]["usage"]["output_tokens"] == 7
    assert provider.requests[0].body["stream"] is True


async def test_the_first_words_come_before_the_provider_has_written_the_last(
    provider: OpenAIServer,
) -> None:
    seen = threading.Event()

    def hesitate(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.deltas(LONG_BEGINNING)
        assert seen.wait(timeout=WAIT_S)
        exchange.deltas("end\n\n[[ ## completed ## ]]\n")
        exchange.chunk({}, finish="stop")
        exchange.end_stream()

    def told(event: dict[str, Any]) -> None:
        if event["event"] == "token":
            seen.set()

    provider.next(hesitate)
    async with caller(provider) as asking:
        events = await asking.follow(told)

    assert events[-1]["outputs"]["answer"].endswith("sixteen end")


async def test_an_answer_that_breaks_off_is_an_error_and_no_prediction(
    provider: OpenAIServer,
) -> None:
    def break_off(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.deltas(LONG_BEGINNING)
        exchange.cut()

    provider.next(break_off)
    events: list[dict[str, Any]] = []
    async with caller(provider) as asking:
        with pytest.raises(DSPyError) as caught:
            await asking.follow(events.append)

        # The session goes on as if nothing had been.
        assert (await asking.ask())["outputs"] == {"answer": "42"}

    assert "prediction" not in [each["event"] for each in events]
    assert caught.value.details["lm_error"] in {"transport", "stream_assembly"}
    assert caught.value.hint
    assert len(provider.requests) == 2


async def test_a_stream_that_nobody_reads_any_more_ends_the_request(
    provider: OpenAIServer,
) -> None:
    def begin(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.deltas(LONG_BEGINNING)
        exchange.hang()

    provider.next(begin)
    async with caller(provider) as asking:
        await asking.follow(lambda event: event["event"] == "token")
        assert await asyncio.to_thread(provider.gone.wait, WAIT_S)


# --- what a provider refuses --------------------------------------------------------------------


async def test_a_wrong_key_is_answered_with_what_to_do(provider: OpenAIServer) -> None:
    provider.next(refuses(401, f"Incorrect API key provided: {KEY}.", code="invalid_api_key"))

    async with caller(provider) as asking:
        error = await asking.refused()

    assert error.details["lm_error"] == "auth"
    assert error.details["status"] == 401
    assert error.hint == "The provider refused the key; set another with 'dspy.configure'."
    assert not error.retryable


async def test_a_rate_limit_says_how_long_to_wait(provider: OpenAIServer) -> None:
    provider.next(refuses(429, "Slow down.", headers={"retry-after": "7"}))

    async with caller(provider) as asking:
        error = await asking.refused()

    assert error.code is ErrorCode.QUOTA_EXCEEDED
    assert error.details["lm_error"] == "rate_limit"
    assert error.retryable
    assert error.retry_after_s == 7.0
    assert len(provider.requests) == 1


async def test_a_rate_limit_is_waited_out_where_the_session_allows_it(
    provider: OpenAIServer,
) -> None:
    provider.next(refuses(429, "Slow down.", headers={"retry-after": "0.01"}))

    async with caller(provider, num_retries=1) as asking:
        record = await asking.ask()

    assert record["outputs"] == {"answer": "42"}
    assert len(provider.requests) == 2


@pytest.mark.parametrize(
    ("status", "code", "lm_error", "retryable"),
    [
        (500, None, "server", True),
        (503, None, "server", True),
        (400, "context_length_exceeded", "context_window_exceeded", False),
        (400, None, "invalid_request", False),
        (402, None, "billing", False),
        (429, "insufficient_quota", "billing", False),
        (404, "model_not_found", "unsupported_model", False),
    ],
)
async def test_errors_of_a_provider_arrive_one_to_one(
    provider: OpenAIServer, status: int, code: str | None, lm_error: str, *, retryable: bool
) -> None:
    provider.next(refuses(status, "It cannot be done.", code=code))

    async with caller(provider) as asking:
        error = await asking.refused()

    assert isinstance(error, DSPyError)
    assert (error.details["lm_error"], error.retryable) == (lm_error, retryable)
    assert error.details["status"] == status
    assert error.details["model"] == "openai/test-model"
    assert "It cannot be done." in error.message
    assert error.hint


async def test_a_server_that_recovers_is_asked_again(provider: OpenAIServer) -> None:
    provider.next(refuses(500, "Oh.", headers={"retry-after": "0.01"}))

    async with caller(provider, num_retries=2) as asking:
        assert (await asking.ask())["outputs"] == {"answer": "42"}


async def test_an_answer_in_no_known_form_is_an_error_that_shows_it() -> None:
    with openai_server(says("I would rather not say.")) as provider:
        async with caller(provider) as asking:
            error = await asking.refused()

    assert error.details["fields"] == ["answer"]
    assert error.details["lm_response"] == "I would rather not say."
    assert error.retryable


async def test_an_answer_of_another_protocol_is_an_error(provider: OpenAIServer) -> None:
    provider.next(*[lambda exchange: exchange.json(200, {"surprise": True})] * 2)

    async with caller(provider) as asking:
        error = await asking.refused()

    assert error.code is ErrorCode.DSPY_FAILED
    assert error.details["fields"] == ["answer"]


# --- time, and connections that break -----------------------------------------------------------


async def test_a_reset_connection_may_be_tried_again() -> None:
    with openai_server(Exchange.reset) as provider:
        async with caller(provider) as asking:
            error = await asking.refused()

    assert error.details["lm_error"] == "transport"
    assert error.retryable


async def test_a_provider_that_is_not_there_may_be_tried_again() -> None:
    with openai_server() as closed:
        pass
    async with caller(closed) as asking:
        error = await asking.refused()

    assert error.details["lm_error"] == "transport"
    assert "api_base" in error.hint


async def test_a_provider_that_is_slower_than_the_sessions_timeout_is_left(
    provider: OpenAIServer,
) -> None:
    provider.next(Exchange.hang)

    async with caller(provider, timeout=0.2) as asking:
        error = await asking.refused()
        assert await asyncio.to_thread(provider.gone.wait, WAIT_S)

    assert error.code is ErrorCode.DSPY_FAILED
    assert error.details["lm_error"] == "transport"
    assert error.retryable
    assert "raise 'timeout' with 'dspy.configure'" in error.hint


@pytest.mark.parametrize("program", ["dspy.Predict", "dspy.ChainOfThought"])
async def test_the_callers_deadline_ends_the_request_itself(
    provider: OpenAIServer, program: str
) -> None:
    provider.next(Exchange.hang)

    async with caller(provider, program=program) as asking:
        error = await asking.refused(timeout_s=2.0)
        assert await asyncio.to_thread(provider.gone.wait, WAIT_S)

    assert isinstance(error, CommandDeadlineError)
    assert error.outcome is Outcome.STOPPED
    assert len(provider.requests) == 1


async def test_a_caller_that_goes_ends_the_request_itself(provider: OpenAIServer) -> None:
    there = threading.Event()

    def hang(exchange: Exchange) -> None:
        there.set()
        exchange.hang()

    provider.next(hang)
    async with caller(provider) as asking:
        task = asyncio.create_task(asking.ask())
        assert await asyncio.to_thread(there.wait, WAIT_S)
        task.cancel()
        assert await asyncio.to_thread(provider.gone.wait, WAIT_S)
        with pytest.raises(asyncio.CancelledError):
            await task


# --- keys ---------------------------------------------------------------------------------------


async def test_the_key_is_in_the_header_it_belongs_in_and_nowhere_else(
    provider: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.next(
        says(fields(answer=f"the key is {KEY}")),
        says(fields(answer="42")),
        refuses(401, f"Incorrect API key provided: {KEY}."),
        refuses(500, f"Something about {KEY}."),
    )

    async with caller(provider) as asking:
        client = asking.client
        told: list[Any] = [await client.call("dspy.configure", {}, session=SESSION)]
        await asking.ask()  # a model that repeats a key it was told
        told += await asking.follow()
        for _ in range(2):
            error = await asking.refused()
            told += [str(error), error.details, error.foreign_traceback, dict(error.metadata)]
        told.append(await client.call("dspy.history", {}, session=SESSION))
        told.append(await client.call("dspy.usage", {}, session=SESSION))

    assert provider.authorizations == [f"Bearer {KEY}"] * 4
    assert KEY not in json.dumps([request.body for request in provider.requests])
    assert KEY not in repr(told)
    assert KEY not in caplog.text


async def test_the_key_is_in_no_span_and_no_metric(provider: OpenAIServer) -> None:
    observed = Observed(capture_content=True)
    sessions = SessionManager(EmbeddedHost())
    bench = Workbench(sessions.instances, instruments=observed.instruments)
    handler, session = (
        DSPyHandler(sessions.instances, workbench=bench),
        sessions.get_or_create(SESSION),
    )
    provider.next(
        says(fields(answer=f"the key is {KEY}")),
        refuses(401, f"Incorrect API key provided: {KEY}."),
    )
    handler.configure(session, lm=_options(provider))
    ref = handler.create(session, class_path="dspy.Predict", args=["question -> answer"])

    await handler.predict(session, ref=ref, args={"question": f"Is {KEY} a key?"})
    with pytest.raises(DSPyError):
        await handler.predict(session, ref=ref, args=QUESTION)
    await asyncio.to_thread(bench.runner.close)

    answered, refused = [each for each in observed.spans if each.name == "chat test-model"]
    attributes = dict(answered.attributes or {})
    assert attributes["gen_ai.usage.input_tokens"] == 11
    assert attributes["gen_ai.usage.output_tokens"] == 7
    assert attributes["gen_ai.response.model"] == "test-model-0613"
    assert dict(refused.attributes or {})["error.type"] == "auth"
    assert len(observed.points("gen_ai.client.token.usage")) == 2
    assert provider.authorizations == [f"Bearer {KEY}"] * 2
    assert KEY not in observed.everything()
    assert "the key is ***" in observed.everything()


async def test_without_a_key_none_is_sent_that_was_not_given(provider: OpenAIServer) -> None:
    async with caller(provider, api_key="of-the-caller") as asking:
        await asking.ask()

    assert provider.authorizations == ["Bearer of-the-caller"]


# --- the provider of these tests ----------------------------------------------------------------


async def test_the_provider_lists_its_models(provider: OpenAIServer) -> None:
    client = openai.AsyncOpenAI(base_url=provider.address, api_key="x")
    listed = [each.id async for each in client.models.list()]
    chunks = [
        each
        async for each in await client.chat.completions.create(
            model="test-model",
            messages=[{"role": "user", "content": "?"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    ]
    await client.close()

    assert listed == ["test-model"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 18
