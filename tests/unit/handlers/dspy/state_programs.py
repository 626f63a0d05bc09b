"""Programs of many shapes whose states the tests read and write."""

from __future__ import annotations

from typing import Any

import dspy
from dspy.predict.parameter import Parameter

from snakepit_bridge.handlers.dspy.offline import AsyncOfflineEngine, OfflineEngine


class RecordingEngine(OfflineEngine):
    """An engine that remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []

    def complete(self, request: Any) -> Any:
        self.asked.append(request)
        return super().complete(request)


class Translator(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    """Somebody's own program: predictors as attributes, in a list, in an object, in a module."""

    def __init__(self) -> None:
        super().__init__()
        self.detect = dspy.Predict("text -> language")
        self.steps = [dspy.ChainOfThought("text, language -> translation")]
        self.by_style = {"formal": dspy.Predict("translation -> polished")}

    def forward(self, text: str) -> dspy.Prediction:
        language = self.detect(text=text).language
        translation = self.steps[0](text=text, language=language).translation
        return self.by_style["formal"](translation=translation)


class Counting(dspy.Predict):  # type: ignore[misc]  # dspy ships no types
    """A predictor whose state has a part of its own."""

    count = 3

    def dump_state(self, *, json_mode: bool = True) -> dict[str, Any]:
        return {**super().dump_state(json_mode=json_mode), "count": self.count}


class Limit(Parameter):  # type: ignore[misc]  # dspy ships no types
    """A part that has a state, and is no predictor."""

    k = 2

    def dump_state(self, *, json_mode: bool = True) -> dict[str, Any]:
        return {"k": self.k}

    def load_state(self, state: dict[str, Any]) -> None:
        self.k = state["k"]


class Searching(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    """A program with a part that is no predictor."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = Limit()
        self.answer = dspy.Predict("passages -> answer")


def look_up(word: str) -> str:
    """Look a word up."""
    return word


PROGRAMS = {
    "Predict": lambda: dspy.Predict("question -> answer"),
    "ChainOfThought": lambda: dspy.ChainOfThought("question -> answer: list[str]"),
    "ReAct": lambda: dspy.ReAct("question -> answer", tools=[look_up]),
    "ReActV2": lambda: dspy.ReActV2("question -> answer", tools=[look_up]),
    "BestOfN": lambda: dspy.BestOfN(
        dspy.ChainOfThought("question -> answer"), N=2, reward_fn=lambda *_: 1.0, threshold=1.0
    ),
    "Translator": Translator,
    "Counting": lambda: Counting("question -> answer"),
    "Searching": Searching,
}


def recording_lm() -> tuple[Any, RecordingEngine]:
    """A language model that answers offline, and the engine that knows what it was asked."""
    engine = RecordingEngine()
    model = dspy.LM("offline", engine=engine, async_engine=AsyncOfflineEngine(engine), cache=False)
    return model, engine
