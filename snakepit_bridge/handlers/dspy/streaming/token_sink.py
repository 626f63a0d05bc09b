"""What DSPy sends of answers under way, as events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from snakepit_bridge.handlers.dspy.streaming.field_texts import FieldTexts
from snakepit_bridge.handlers.dspy.streaming.predictors import Predictors, output_fields

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from snakepit_bridge.handlers.dspy.streaming.pieces import Piece
    from snakepit_bridge.handlers.dspy.streaming.wanted_fields import WantedFields

Event = dict[str, Any]


class TokenSink:
    """Stands in DSPy's settings as ``send_stream``, where language models put their chunks.

    DSPy asks a language model for a stream as soon as there is one of these. It does not ask again,
    in another form or after an error, once a part of an answer has been sent.

    Args:
        dspy: The module.
        predictors: Those of the program that runs.
        wanted: Of which fields the text is told.
        put: Takes the events, and may wait.
    """

    def __init__(
        self,
        dspy: Any,
        predictors: Predictors,
        wanted: WantedFields,
        put: Callable[[Event], Awaitable[None]],
    ) -> None:
        self._dspy = dspy
        self._predictors = predictors
        self._wanted = wanted
        self._put = put
        # A task has at most one answer under way. What breaks off is forgotten with its task, or
        # when the task asks again.
        self._answers: WeakKeyDictionary[asyncio.Task[Any], _Answer] = WeakKeyDictionary()

    def __deepcopy__(self, memo: object) -> TokenSink:
        # DSPy copies settings; what is told goes to one place.
        return self

    async def send(self, chunk: Any) -> None:
        """Tell what a chunk adds; in the task that asked the language model."""
        for event in self._events(chunk):
            await self._put(event)

    def _events(self, chunk: Any) -> Iterator[Event]:
        # Of several candidates written at once, the first is told.
        choice = next((each for each in chunk.choices if not each.index), None)
        if choice is None:
            return
        delta = choice.delta
        content = getattr(delta, "content", None)
        thinking = getattr(delta, "reasoning_content", None)
        if not (content or thinking or choice.finish_reason):
            return
        answer = self._answer(chunk)
        if thinking:
            yield {"event": "thinking", "predictor": answer.predictor, "text": thinking}
        if content:
            yield from self._told(answer, answer.texts.feed(content))
        if choice.finish_reason:
            self._answers.pop(_task(), None)
            yield from self._told(answer, answer.texts.finish())

    def _told(self, answer: _Answer, pieces: list[Piece]) -> Iterator[Event]:
        for piece in pieces:
            if self._wanted.holds(answer.predictor, piece.field):
                yield {
                    "event": "token",
                    "predictor": answer.predictor,
                    "field": piece.field,
                    "text": piece.text,
                    "last": piece.last,
                }

    def _answer(self, chunk: Any) -> _Answer:
        """The answer a chunk belongs to, which it may begin."""
        key = (getattr(chunk, "predict_id", None), chunk.id)
        answer = self._answers.get(_task())
        if answer is None or answer.key != key:
            predictor = self._dspy.settings.caller_predict
            name = self._predictors.name_of(predictor)
            answer = _Answer(key, name, FieldTexts(output_fields(predictor)))
            self._answers[_task()] = answer
        return answer


class _Answer:
    """One answer of a language model that has not ended."""

    def __init__(self, key: tuple[Any, Any], predictor: str, texts: FieldTexts) -> None:
        self.key = key
        self.predictor = predictor
        self.texts = texts


def _task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None, "a coroutine runs in a task"
    return task
