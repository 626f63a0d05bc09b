"""An answer of the host in pieces, made into the events of ``dspy.lm15``."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Any

import msgspec

from snakepit_bridge.handlers.dspy.host import answer as host_answer
from snakepit_bridge.handlers.dspy.host.answer import (
    MAX_ANSWER,
    HostAnswer,
    MalformedAnswerError,
    answer_from,
    checked_whole,
)
from snakepit_bridge.handlers.dspy.host.errors import error_from
from snakepit_bridge.handlers.dspy.host.request import request_data

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.01, 0.25
"""Between questions to a host that answers at once that it has nothing yet."""

THINKING, TEXT = "thinking", "text"

_PLACES = {THINKING: 0, TEXT: 1}
"""Of the parts of an answer; the calls of tools follow."""


class Ask(msgspec.Struct, frozen=True):
    """A step: ask the host this, and go on with what it answers."""

    args: dict[str, Any]


class Pause(msgspec.Struct, frozen=True):
    """A step: let time pass."""

    seconds: float


class Exchange:
    """The questions and answers of one request, without knowing who carries them.

    Args:
        request: What is asked.
        types: The module ``dspy.lm15``.
    """

    def __init__(self, request: Any, types: Any) -> None:
        self._request = request
        self._types = types
        self.open_stream: str | int | None = None
        """The host's id of an answer that has begun and not ended."""
        self._steps = self._all_steps()

    def step(self, answer: Any) -> Any:
        """What is next: ``Ask``, ``Pause``, an event of ``dspy.lm15``, or ``None`` at the end.

        Args:
            answer: Of the host, where the step before was ``Ask``; ``None`` otherwise.

        Raises:
            MalformedAnswerError: The host does not follow the protocol.
            lm15.LM15Error: The host has told of a failure.
        """
        try:
            return self._steps.send(answer)
        except StopIteration:
            return None

    def _all_steps(self) -> Generator[Any, Any, None]:
        pieces = Pieces(self._request, self._types)
        data = request_data(self._request, self._types)
        answer = yield from self._asked({"op": "start", "request": data})
        yield pieces.started(answer)
        if answer.stream is None:
            whole = msgspec.structs.replace(checked_whole(answer), deltas=[], done=True)
            yield from pieces.events(whole)
            return
        self.open_stream = stream = answer.stream
        pause_s = FIRST_PAUSE_S
        while self.open_stream is not None:
            answer = yield from self._asked({"op": "next", "stream": stream})
            if answer.done:
                self.open_stream = None
            elif not answer.deltas:
                yield Pause(pause_s)
            pause_s = FIRST_PAUSE_S if answer.deltas else min(2 * pause_s, LONGEST_PAUSE_S)
            yield from pieces.events(answer)

    def _asked(self, args: dict[str, Any]) -> Generator[Ask, Any, HostAnswer]:
        answer = answer_from((yield Ask(args)))
        if answer.error is not None:
            self.open_stream = None
            raise error_from(answer.error, self._types)
        return answer


class Pieces:
    """Puts together the answer of one request.

    Args:
        request: What was asked.
        types: The module ``dspy.lm15``.
    """

    def __init__(self, request: Any, types: Any) -> None:
        self._request = request
        self._types = types
        self._said: dict[str, list[str]] = {THINKING: [], TEXT: []}
        self._size = 0

    def started(self, answer: HostAnswer) -> Any:
        """The event that begins every stream."""
        return self._types.StreamStartEvent(model=answer.model or self._request.model)

    def events(self, answer: HostAnswer) -> Iterator[Any]:
        """The events of one answer to ``next``, the last of them included.

        Raises:
            MalformedAnswerError: A piece is neither a text nor an object with one, the whole does
                not begin with its pieces, or it is longer than it may be.
        """
        for delta in answer.deltas:
            yield from self._piece(delta)
        if answer.done:
            yield from self._rest(answer)
            yield self._types.StreamEndEvent(
                finish_reason=host_answer.finish_reason(answer),
                usage=host_answer.usage(answer, self._types),
                provider_data=host_answer.provider_data(answer),
            )

    def _piece(self, delta: str | Mapping[str, Any]) -> Iterator[Any]:
        named = {TEXT: delta} if isinstance(delta, str) else delta
        pieces = {kind: named[kind] for kind in _PLACES if kind in named}
        if not pieces or not all(isinstance(each, str) for each in pieces.values()):
            text = "a member of 'deltas' is neither a text nor an object with 'text' or 'thinking'"
            raise MalformedAnswerError(text)
        for kind, text in pieces.items():
            yield self._said_more(kind, text)

    def _rest(self, answer: HostAnswer) -> Iterator[Any]:
        """What the last answer says beyond the pieces.

        Raises:
            MalformedAnswerError: There is nothing at all, or it contradicts the pieces.
        """
        for kind, whole in ((THINKING, answer.thinking), (TEXT, answer.text)):
            if whole is None:
                continue
            said = "".join(self._said[kind])
            if not whole.startswith(said):
                raise MalformedAnswerError(f"{kind!r} does not begin with what 'deltas' brought")
            if len(whole) > len(said) or not self._said[kind]:
                yield self._said_more(kind, whole[len(said) :])
        if not self._said[TEXT]:
            checked_whole(answer)
        for number, call in enumerate(answer.tool_calls):
            delta = self._types.ToolCallDelta(
                input=msgspec.json.encode(call.args).decode(),
                part_index=len(_PLACES) + number,
                id=call.id or f"call_{number}",
                name=call.name,
            )
            yield self._types.StreamDeltaEvent(delta=delta)

    def _said_more(self, kind: str, text: str) -> Any:
        self._said[kind].append(text)
        self._size += len(text)
        if self._size > MAX_ANSWER:
            raise MalformedAnswerError(f"it has more than {MAX_ANSWER} characters")
        make = self._types.TextDelta if kind == TEXT else self._types.ThinkingDelta
        return self._types.StreamDeltaEvent(delta=make(text=text, part_index=_PLACES[kind]))
