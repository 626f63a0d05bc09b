"""Programs as an operator may offer them besides DSPy's own."""

from __future__ import annotations

import subprocess
from typing import Any

import dspy
import pydantic

from snakepit_bridge.errors import QuotaExceededError


class City(pydantic.BaseModel):
    name: str
    inhabitants: int = pydantic.Field(ge=1)


class Guide(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    def __init__(self, greeting: str = "Hello", repeats: int = 1) -> None:
        super().__init__()
        self.greeting = greeting
        self.repeats = repeats

    def forward(self, name: str, *, loud: bool = False) -> dspy.Prediction:
        text = f"{self.greeting}, {name}!" * self.repeats
        return dspy.Prediction(text=text.upper() if loud else text)

    run = subprocess.run
    """Somebody else's function under a name of this class."""

    Inner = City

    @property
    def mood(self) -> str:
        raise NotImplementedError

    @staticmethod
    def shape() -> tuple[int, int]:
        return (2, 3)

    async def later(self, value: int) -> int:
        return value + 1

    def __len__(self) -> int:
        return 7


class Interpreter(dspy.RLM):  # type: ignore[misc]  # dspy ships no types
    """Runs code, like what it is made from."""


class Shelf(list[int]):
    """Takes its operators from a builtin."""


class Failing(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    def forward(self, **kwargs: Any) -> dspy.Prediction:
        if kwargs.get("refuse"):
            try:
                raise QuotaExceededError("The budget is used up.")
            except QuotaExceededError as error:
                raise RuntimeError("wrapped") from error
        raise LookupError("no such town: 'Nowhere'")


class Asking(dspy.Module):  # type: ignore[misc]  # dspy ships no types
    """Has no ``async`` form."""

    def __init__(self) -> None:
        super().__init__()
        self.predict = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        return self.predict(question=question)


class Careless(Asking):
    def forward(self, question: str) -> dspy.Prediction:
        try:
            return super().forward(question)
        except BaseException:  # noqa: BLE001  (what careless code does)
            return dspy.Prediction(answer="made up")


class Nested:
    class Deep:
        def answer(self) -> int:
            return 42


def helper() -> str:
    return "helped"


not_a_class = City(name="Linz", inhabitants=200_000)
