from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import dspy
import pytest
from dspy import lm15

from snakepit_bridge.errors import (
    CommandCancelledError,
    CommandDeadlineError,
    HostToolError,
    HostUnavailableError,
)
from snakepit_bridge.handlers.dspy.host import engines as host_model
from snakepit_bridge.handlers.dspy.host.engines import CANCEL_S
from snakepit_bridge.handlers.dspy.runs import COST_KEY, Halt
from snakepit_bridge.session.context import current_execution
from tests.unit.handlers.dspy.hosting import Command, Scene

TEXT = "[[ ## answer ## ]]\nforty two\n\n[[ ## completed ## ]]"
REQUEST = lm15.Request(model="host/small", messages=(lm15.Message.user("Hi"),))


class Writer:
    """A tool that is a language model and answers in pieces."""

    def __init__(self, *pieces: str, done: bool = True) -> None:
        self.asked: list[str] = []
        self.cancelled: list[Any] = []
        self.told = threading.Event()
        self._pieces = list(pieces)
        self._done = done

    async def __call__(self, op: str, request: Any = None, stream: Any = None) -> Any:
        self.asked.append(op)
        if op == "complete":
            return "".join(self._pieces)
        if op == "start":
            return {"stream": "s-1"}
        assert stream == "s-1"
        if op == "cancel":
            assert current_execution.get() is None
            self.cancelled.append(stream)
            self.told.set()
            return None
        if self._pieces:
            return {"deltas": [self._pieces.pop(0)]}
        if not self._done:
            await asyncio.Event().wait()
        return {"done": True, "usage": {"input_tokens": 5, "output_tokens": 6}}


def ask(program: Any, **inputs: Any) -> Any:
    return program(**inputs)


def aask(program: Any, **inputs: Any) -> Any:
    async def asked() -> Any:
        return await program.acall(**inputs)

    return asyncio.run(asked())


WAYS = pytest.mark.parametrize("way", [ask, aask])
PREDICT = dspy.Predict("question -> answer")


@WAYS
def test_the_caller_answers_the_requests_of_a_program(way: Any) -> None:
    scene = Scene()
    asked: list[Any] = []

    def answer(op: str, request: Any) -> Any:
        asked.append((op, request))
        usage = {"input_tokens": 3, "output_tokens": 4}
        return {"text": TEXT, "usage": usage, "cost_usd": 0.01, "model": "large"}

    model = scene.model(answer, temperature=0.5)
    with scene.run(lm=model, disable_history=False, track_usage=True):
        prediction = way(PREDICT, question="What is it?")

    assert prediction.answer == "forty two"
    assert prediction.get_lm_usage()["host/small"]["completion_tokens"] == 4
    ((op, request),) = asked
    assert (op, request["model"]) == ("complete", "small")
    assert request["options"] == {"temperature": 0.5}
    assert [each["role"] for each in request["messages"]] == ["system", "user"]
    assert "What is it?" in request["messages"][1]["content"]
    (entry,) = model.history
    assert entry["response"].provider_data == {COST_KEY: 0.01}
    assert entry["response_model"] == "large"


@WAYS
def test_the_caller_calls_tools_if_it_can(way: Any) -> None:
    scene = Scene()
    requests: list[Any] = []

    def answer(request: Any, **_: Any) -> Any:
        requests.append(request)
        name = "look" if len(requests) == 1 else "submit"
        args = {"where": "here"} if len(requests) == 1 else {"answer": "42"}
        return {"tool_calls": [{"name": name, "args": args}]}

    def look(where: str) -> str:
        """Look there."""
        return f"nothing {where}"

    scene.offer(look)
    agent = dspy.ReActV2("question -> answer", tools=scene.made("look"))
    adapter = dspy.ChatAdapter(use_native_function_calling=True)
    with scene.run(lm=scene.model(answer, features=["tools"]), adapter=adapter):
        prediction = way(agent, question="?")

    assert prediction.answer == "42"
    assert [each["name"] for each in requests[0]["tools"]] == ["look", "submit"]
    required = requests[0]["tools"][0]["parameters"]["required"]
    assert required == ["where"]
    assert "nothing here" in str(requests[1]["messages"])


@WAYS
def test_an_error_that_passes_is_tried_again(way: Any) -> None:
    scene = Scene()
    answers: list[Any] = [
        {"error": {"code": "rate_limit", "message": "Slowly.", "retry_after": 0}},
        TEXT,
    ]
    model = scene.model(lambda **_: answers.pop(0), num_retries=1)

    with scene.run(lm=model):
        assert way(PREDICT, question="?").answer == "forty two"


@WAYS
def test_an_error_becomes_one_of_dspys(way: Any) -> None:
    scene = Scene()
    error = {"code": "context_length", "message": "Too long."}

    with (
        scene.run(lm=scene.model(lambda **_: {"error": error})),
        pytest.raises(dspy.ContextWindowExceededError, match="Too long"),
    ):
        way(PREDICT, question="?")


@WAYS
def test_a_malformed_answer_is_an_error_that_says_what_is_wrong(way: Any) -> None:
    scene = Scene()

    with (
        scene.run(lm=scene.model(lambda **_: {"txet": "a"})),
        pytest.raises(dspy.LMProviderError, match="neither 'text' nor 'tool_calls'"),
    ):
        way(PREDICT, question="?")


@WAYS
def test_a_tool_that_raises_leads_to_its_error(way: Any) -> None:
    scene = Scene()

    def answer(**_: Any) -> Any:
        raise LookupError("no such model")

    with (
        scene.run(lm=scene.model(answer)),
        pytest.raises(dspy.LMProviderError, match="no such model") as caught,
    ):
        way(PREDICT, question="?")

    ours = caught.value.__cause__.__cause__
    assert isinstance(ours, HostToolError)


@WAYS
def test_a_host_that_is_away_is_a_broken_connection(way: Any) -> None:
    scene = Scene()
    model = scene.model(lambda **_: "")

    class Away:
        def call_tool(self, **_: Any) -> Any:
            raise HostUnavailableError("Gone.")

        async def acall_tool(self, **_: Any) -> Any:
            raise HostUnavailableError("Gone.")

    scene.session.bridge_client = Away()  # type: ignore[assignment]
    with scene.run(lm=model), pytest.raises(dspy.LMTransportError):
        way(PREDICT, question="?")


@WAYS
def test_a_command_that_is_late_asks_nobody_and_is_halted(way: Any) -> None:
    scene = Scene()
    asked: list[Any] = []

    with (
        scene.run(Command(remaining_s=-1.0), lm=scene.model(lambda **_: asked.append(1))),
        pytest.raises(Halt) as caught,
    ):
        way(PREDICT, question="?")

    assert isinstance(caught.value.error, CommandDeadlineError)
    assert asked == []


def test_cancelling_a_call_cancels_that_of_the_host() -> None:
    scene = Scene()
    ended = threading.Event()

    async def script(model: Callable[..., Any]) -> None:
        waits = asyncio.Event()

        async def answer(**_: Any) -> None:
            waits.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        with scene.run(lm=model(answer)):
            task = asyncio.create_task(PREDICT.acall(question="?"))
            await waits.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(script(scene.model))

    assert ended.is_set()


# --- in pieces ----------------------------------------------------------------------------------


async def chunks(program: Any) -> list[Any]:
    listener = dspy.streaming.StreamListener(signature_field_name="answer")
    streamed = dspy.streamify(
        program,
        stream_listeners=[listener],
        is_async_program=not isinstance(program, Blocking),
    )
    return [each async for each in streamed(question="?")]


class Blocking(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    """A module that DSPy runs on a thread."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = dspy.Predict("question -> answer")

    def forward(self, question: str) -> Any:
        return self.inner(question=question)


@pytest.mark.parametrize("program", [dspy.Predict, Blocking])
def test_pieces_reach_whoever_listens(program: Any) -> None:
    scene = Scene()
    words = ["[[ ## answer ## ]]\n", "forty", " two", " or", " three", " it", " is", "\n\n[["]
    writer = Writer(*words, " ## completed ## ]]")
    made = dspy.Predict("question -> answer") if program is dspy.Predict else program()

    with scene.run(lm=scene.model(writer, streams=True), track_usage=True):
        got = asyncio.run(chunks(made))

    *pieces, last = got
    assert len(pieces) > 1
    assert "".join(each.chunk for each in pieces).strip() == "forty two or three it is"
    assert last.answer == "forty two or three it is"
    assert last.get_lm_usage()["host/small"]["total_tokens"] == 11
    assert writer.asked == ["start", *["next"] * 10]


@pytest.mark.parametrize("program", [dspy.Predict, Blocking])
def test_a_host_without_pieces_is_asked_for_the_whole(program: Any) -> None:
    scene = Scene()
    writer = Writer(TEXT)
    made = dspy.Predict("question -> answer") if program is dspy.Predict else program()

    with scene.run(lm=scene.model(writer)):
        got = asyncio.run(chunks(made))

    assert got[-1].answer == "forty two"
    assert writer.asked == ["complete"]


def events(engine: Any) -> Iterator[Any]:
    yield from engine.stream(REQUEST)


def test_a_host_with_nothing_yet_is_asked_again() -> None:
    scene = Scene()
    answers: list[Any] = [{"stream": 1}, {}, {"done": True, "text": "x"}] * 2
    model = scene.model(lambda **_: answers.pop(0), streams=True)

    async def there() -> list[Any]:
        return [each async for each in scene.async_engine.stream(REQUEST)]

    with scene.run():
        kinds = [each.type for each in events(model.engine)]
        assert [each.type for each in asyncio.run(there())] == kinds == ["start", "delta", "end"]


def test_a_stream_that_nobody_wants_any_more_is_cancelled_once() -> None:
    scene = Scene()
    writer = Writer("a", "b", done=False)
    scene.model(writer, streams=True)

    async def script() -> None:
        stream: AsyncIterator[Any] = scene.async_engine.stream(REQUEST)
        async with asyncio.timeout(10):
            async for event in stream:
                if event.type == "delta":
                    break
            await stream.aclose()  # type: ignore[attr-defined]  # a generator has it
            await asyncio.to_thread(writer.told.wait, 5)

    with scene.run(Command()):
        asyncio.run(script())

    assert writer.asked == ["start", "next", "cancel"]


@pytest.mark.parametrize("is_run", [False, True])
def test_a_cancelled_stream_tells_the_host_beside_the_call(*, is_run: bool) -> None:
    scene = Scene()
    writer = Writer("a", done=False)
    scene.model(writer, streams=True)

    async def script(run: Any) -> None:
        first = asyncio.Event()

        async def read() -> None:
            async for event in scene.async_engine.stream(REQUEST):
                if event.type == "delta":
                    first.set()

        task = asyncio.create_task(read())
        await first.wait()
        if is_run:
            run.cancel()
        task.cancel()
        with pytest.raises((asyncio.CancelledError, Halt)):
            await task
        assert await asyncio.to_thread(writer.told.wait, 5)

    with scene.run(Command()) as run:
        asyncio.run(script(run))

    assert writer.cancelled == ["s-1"]


def test_a_thread_that_stops_listening_tells_the_host() -> None:
    scene = Scene()
    writer = Writer("a", "b", done=False)
    model = scene.model(writer, streams=True)

    with scene.run(Command()) as run:
        stream = model.engine.stream(REQUEST)
        assert [next(stream).type for _ in range(2)] == ["start", "delta"]
        stream.close()
        assert writer.cancelled == ["s-1"]
        other = model.engine.stream(REQUEST)
        next(other)
        next(other)
        run.cancel()
        with pytest.raises(Halt) as caught:
            next(other)

    assert isinstance(caught.value.error, CommandCancelledError)
    assert writer.cancelled == ["s-1", "s-1"]


def test_a_host_that_does_not_hear_the_cancellation_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(host_model, "CANCEL_IN_THREAD_S", 0.01)
    scene = Scene()

    async def deaf(op: str, **_: Any) -> Any:
        if op == "start":
            return {"stream": 1}
        if op == "next":
            return {"deltas": ["a"]}
        return await asyncio.Event().wait()

    model = scene.model(deaf, streams=True)

    with scene.run():
        stream = model.engine.stream(REQUEST)
        next(stream)
        next(stream)
        stream.close()

    assert CANCEL_S > host_model.CANCEL_IN_THREAD_S


@pytest.mark.parametrize("answer", [{"error": {"code": "server"}}, 7])
def test_a_failure_within_a_stream_is_an_error_of_dspy(answer: Any) -> None:
    scene = Scene()
    answers: list[Any] = [{"stream": 1}, {"deltas": ["[[ ## answer ## ]]\n"]}, answer, None]
    asked: list[str] = []

    def tell(op: str, **_: Any) -> Any:
        asked.append(op)
        return answers.pop(0)

    with scene.run(lm=scene.model(tell, streams=True)), pytest.raises(dspy.LMError):
        asyncio.run(chunks(dspy.Predict("question -> answer")))

    assert asked[:3] == ["start", "next", "next"]
