"""A language model that asks nobody: for trying things out, for tests, for demonstrations."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Self

from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.models import offline_prompt
from snakepit_bridge.handlers.dspy.models.offline_values import value_for
from snakepit_bridge.handlers.dspy.runs import COST_KEY

_FREE = {COST_KEY: 0.0}

Answer = Mapping[str, Any] | str
"""Values by output field; or the raw text of an answer, right or wrong."""


class OfflineEngine:
    """Answers requests out of a list, in order, then round again; safe to use from any thread.

    Output fields that an answer leaves out, and all of them where there are no answers, get a value
    that fits their type: text says where it comes from, numbers are as near to 0 as they may be, of
    several choices it is the first (or ``"finish"``, with which agents end).

    Understands DSPy's chat, JSON and XML adapters; nested types need one of the first two.

    Args:
        answers: One per request.
        door: The way to DSPy's types.
    """

    def __init__(self, answers: Sequence[Answer] = (), *, door: DSPyDoor | None = None) -> None:
        self._answers = tuple(answers)
        self._door = door or DSPyDoor()
        self._lock = threading.Lock()
        self._requests = 0

    @property
    def requests(self) -> int:
        """Requests so far."""
        return self._requests

    def complete(self, request: Any) -> Any:
        """Answer one ``dspy.lm15.Request`` with a ``dspy.lm15.Response``."""
        types = self._door.open().lm15
        number, text = self._next(request)
        return types.Response(
            id=f"offline-{number}",
            model=request.model,
            message=types.Message.assistant([types.TextPart(text)]),
            finish_reason="stop",
            usage=self._usage(request, text),
            provider_data=_FREE,
        )

    def stream(self, request: Any) -> Iterator[Any]:
        """The same answer word by word."""
        types = self._door.open().lm15
        number, text = self._next(request)
        yield types.StreamStartEvent(id=f"offline-{number}", model=request.model)
        for word in _words(text):
            yield types.StreamDeltaEvent(delta=types.TextDelta(text=word))
        usage = self._usage(request, text)
        yield types.StreamEndEvent(finish_reason="stop", usage=usage, provider_data=_FREE)

    def close(self) -> None:
        """Nothing is open."""

    def dump_state(self) -> dict[str, Any]:
        """What makes another engine of the same kind: the answers, not how far they are used up."""
        return {"answers": list(self._answers)}

    @classmethod
    def load_state(cls, state: Mapping[str, Any]) -> Self:
        """The engine of a state from ``dump_state``."""
        return cls(state.get("answers", ()))

    def _next(self, request: Any) -> tuple[int, str]:
        with self._lock:
            number = self._requests
            self._requests += 1
        answer = self._answers[number % len(self._answers)] if self._answers else {}
        if isinstance(answer, str):
            return number, answer
        asked = offline_prompt.read(request)
        if asked.layout == "text":
            values = dict(answer) or {"answer": value_for("answer", "")}
        else:
            values = {
                name: answer[name] if name in answer else value_for(name, note)
                for name, note in asked.notes.items()
            }
        return number, offline_prompt.write(asked, values)

    def _usage(self, request: Any, text: str) -> Any:
        given, made = offline_prompt.words_in(request), len(_words(text))
        return self._door.open().lm15.Usage(
            input_tokens=given, output_tokens=made, total_tokens=given + made
        )


class AsyncOfflineEngine:
    """The same engine for code on the loop; both go through one list of answers."""

    def __init__(self, engine: OfflineEngine) -> None:
        self._engine = engine

    async def complete(self, request: Any) -> Any:
        """As ``OfflineEngine.complete``."""
        return self._engine.complete(request)

    async def stream(self, request: Any) -> AsyncIterator[Any]:
        """As ``OfflineEngine.stream``."""
        for event in self._engine.stream(request):
            yield event

    async def aclose(self) -> None:
        """Nothing is open."""

    def dump_state(self) -> dict[str, Any]:
        """As ``OfflineEngine.dump_state``."""
        return self._engine.dump_state()

    @classmethod
    def load_state(cls, state: Mapping[str, Any]) -> Self:
        """The engine of a state from ``dump_state``."""
        return cls(OfflineEngine.load_state(state))


def offline_engines(
    answers: Sequence[Answer] = (), *, door: DSPyDoor | None = None
) -> tuple[OfflineEngine, AsyncOfflineEngine]:
    """An engine for threads and its twin for the loop, as ``dspy.LM`` takes them."""
    engine = OfflineEngine(answers, door=door)
    return engine, AsyncOfflineEngine(engine)


def offline_lm(answers: Sequence[Answer] = (), *, door: DSPyDoor | None = None) -> Any:
    """A ``dspy.LM`` that needs no network and always answers the same.

    Args:
        answers: One per request, in order, then round again: values by output field, e.g.
            ``[{"answer": "42"}]``. Fields that are left out get a value of their type.
        door: The way to DSPy; its own by default.

    Raises:
        DSPyError: DSPy is not installed, or of another version.
    """
    door = door or DSPyDoor()
    engine, async_engine = offline_engines(answers, door=door)
    return door.open().LM("offline", engine=engine, async_engine=async_engine, cache=False)


def _words(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+", text)
