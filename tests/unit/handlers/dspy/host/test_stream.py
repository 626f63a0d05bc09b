from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from dspy import lm15

from snakepit_bridge.handlers.dspy.host import stream as host_stream
from snakepit_bridge.handlers.dspy.host.answer import MalformedAnswerError
from snakepit_bridge.handlers.dspy.host.stream import LONGEST_PAUSE_S, Ask, Exchange, Pause
from snakepit_bridge.handlers.dspy.runs import COST_KEY

REQUEST = lm15.Request(model="host/small", messages=(lm15.Message.user("Hi"),))


class Talk:
    """One exchange with a host that answers from a list."""

    def __init__(self, *answers: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        self.pauses: list[float] = []
        self.events: list[Any] = []
        self.exchange = Exchange(REQUEST, lm15)
        self._answers: Sequence[Any] = answers

    def carried(self) -> Any:
        """The whole response, put together as DSPy does it."""
        answer, left = None, list(self._answers)
        while (step := self.exchange.step(answer)) is not None:
            answer = None
            if isinstance(step, Ask):
                self.asked.append(step.args)
                answer = left.pop(0)
            elif isinstance(step, Pause):
                self.pauses.append(step.seconds)
            else:
                self.events.append(step)
        assert not left
        return lm15.materialize_response(iter(self.events), REQUEST)


def test_pieces_become_events_as_they_come() -> None:
    talk = Talk(
        {"stream": 7, "model": "large"},
        {"deltas": [{"thinking": "Hm."}, "Hel"]},
        {"deltas": [{"text": "lo"}], "done": False},
        {"done": True, "usage": {"input_tokens": 1, "output_tokens": 2}, "cost_usd": 0.25},
    )

    response = talk.carried()

    assert [each["op"] for each in talk.asked] == ["start", "next", "next", "next"]
    assert talk.asked[0]["request"]["model"] == "small"
    assert talk.asked[1:] == [{"op": "next", "stream": 7}] * 3
    kinds = [each.type for each in talk.events]
    assert kinds == ["start", "delta", "delta", "delta", "end"]
    assert (response.text, response.model, response.finish_reason) == ("Hello", "large", "stop")
    assert response.message.parts[0].text == "Hm."
    assert response.usage.total_tokens == 3
    assert response.provider_data == {COST_KEY: 0.25}
    assert talk.exchange.open_stream is None


def test_the_last_answer_may_bring_the_rest_and_calls_of_tools() -> None:
    talk = Talk(
        {"stream": "s"},
        {"deltas": ["Hel"]},
        {
            "deltas": ["l"],
            "done": True,
            "text": "Hello",
            "thinking": "Hm.",
            "tool_calls": [{"name": "search", "args": {"q": "ü"}}],
        },
    )

    response = talk.carried()

    assert response.message.parts[0].text == "Hm."
    assert response.message.parts[1].text == "Hello"
    assert [(each.id, each.name, each.input) for each in response.tool_calls] == [
        ("call_0", "search", {"q": "ü"})
    ]
    assert response.finish_reason == "tool_call"


def test_a_last_answer_that_repeats_everything_adds_nothing() -> None:
    talk = Talk({"stream": "s"}, {"deltas": ["Hello"], "done": True, "text": "Hello"})

    assert talk.carried().text == "Hello"
    assert len(talk.events) == 3


@pytest.mark.parametrize("answer", ["Hello", {"text": "Hello", "deltas": ["no"]}])
def test_a_host_may_answer_the_whole_at_once(answer: Any) -> None:
    talk = Talk(answer)

    assert talk.carried().text == "Hello"
    assert [each["op"] for each in talk.asked] == ["start"]


def test_an_empty_text_is_an_answer() -> None:
    assert Talk({"stream": "s"}, {"done": True, "text": ""}).carried().text == ""


def test_a_host_that_has_nothing_yet_is_asked_ever_more_slowly() -> None:
    nothing: list[Any] = [{"deltas": []}] * 7
    talk = Talk({"stream": "s"}, *nothing, {"deltas": ["a"]}, {}, {"done": True})

    talk.carried()

    assert talk.pauses[:7] == [0.01, 0.02, 0.04, 0.08, 0.16, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    assert talk.pauses[7:] == [0.01]


@pytest.mark.parametrize(
    ("answers", "why", "is_open"),
    [
        ([{}], "neither 'text' nor", False),
        ([{"stream": "s"}, {"deltas": [7]}], "'deltas'", True),
        ([{"stream": "s"}, {"deltas": [{"txet": "a"}]}], "'deltas' is neither", True),
        ([{"stream": "s"}, {"deltas": [{"text": 7}]}], "'deltas' is neither", True),
        ([{"stream": "s"}, {"deltas": ["a"], "done": True, "text": "b"}], "does not begin", False),
        ([{"stream": "s"}, {"done": True}], "neither 'text' nor", False),
        ([{"stream": "s"}, 7], "'int'", True),
    ],
)
def test_a_host_that_breaks_the_protocol_is_told_how(
    answers: list[Any],
    why: str,
    is_open: bool,  # noqa: FBT001  (a parameter of the test)
) -> None:
    talk = Talk(*answers)

    with pytest.raises(MalformedAnswerError, match=why):
        talk.carried()

    assert (talk.exchange.open_stream is not None) is is_open


def test_an_error_of_the_host_ends_the_stream() -> None:
    talk = Talk({"stream": "s"}, {"error": {"code": "rate_limit", "retry_after": 1}})

    with pytest.raises(lm15.RateLimitError):
        talk.carried()

    assert talk.exchange.open_stream is None


def test_an_answer_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_stream, "MAX_ANSWER", 5)

    with pytest.raises(MalformedAnswerError, match="more than 5"):
        Talk({"stream": "s"}, {"deltas": ["abc", {"thinking": "def"}]}).carried()
