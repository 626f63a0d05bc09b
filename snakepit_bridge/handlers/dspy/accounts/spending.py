"""What calls to language models cost, added up and kept within limits."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from snakepit_bridge.errors import BudgetExceededError


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much may be spent; what is ``None`` has no limit."""

    calls: Annotated[int, Meta(ge=0)] | None = None
    """Requests to language models; what a cache answers counts, too."""

    tokens: Annotated[int, Meta(ge=0)] | None = None
    """Of prompts and answers together."""

    cost_usd: Annotated[float, Meta(ge=0)] | None = None
    """As far as prices are known."""

    def shown(self) -> dict[str, Any]:
        """The limits there are."""
        return {name: limit for name in _LIMITS if (limit := getattr(self, name)) is not None}


_LIMITS = ("calls", "tokens", "cost_usd")


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What has been spent."""

    calls: int = 0
    """Requests that were begun, the cached and the failed ones included."""

    cache_hits: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0
    """Answered requests whose price nobody knows; ``cost_usd`` is without them."""

    lm_s: float = 0.0
    """Seconds spent waiting for language models, of parallel requests added up."""

    @property
    def tokens(self) -> int:
        """Of prompts and answers together."""
        return self.input_tokens + self.output_tokens

    def plus(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(**{
            name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__
        })  # fmt: skip

    def shown(self) -> dict[str, Any]:
        """As data: counts, tokens, US dollars, seconds."""
        return {
            "calls": self.calls,
            "cache_hits": self.cache_hits,
            "failed": self.failed,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "total_tokens": self.tokens,
            "cost_usd": round(self.cost_usd, 9),
            "unpriced": self.unpriced,
            "lm_s": round(self.lm_s, 6),
        }


class Ledger:
    """Adds up what is spent and refuses requests once a limit is reached. Safe from any thread.

    Tokens and money are known after a request only, so the one that crosses such a limit is the
    last one; requests that run at that moment are counted as well.

    Args:
        budget: The limits; none by default.
        parent: Counts along and has limits of its own, e.g. that of the session.
        owner: Whose budget it is, in the words of an error.
    """

    def __init__(
        self, budget: Budget | None = None, *, parent: Ledger | None = None, owner: str = "call"
    ) -> None:
        self.budget = budget or Budget()
        self._parent = parent
        self._owner = owner
        self._lock = threading.Lock()
        self._spent = Spent()

    def spent(self) -> Spent:
        """What has been spent so far."""
        return self._spent

    def left(self) -> dict[str, Any]:
        """What may be spent still, for the limits there are."""
        spent = self._spent
        return {
            name: max(0, round(limit - getattr(spent, name), 9))
            for name, limit in self.budget.shown().items()
        }

    def admit(self, requests: int = 1) -> None:
        """Count requests that are about to begin.

        Raises:
            BudgetExceededError: A limit is reached, here or above; nothing was counted.
        """
        if self._parent is not None:
            self._parent.admit(requests)
        with self._lock:
            budget = self.budget
            reached = [
                name
                for name, limit in budget.shown().items()
                if getattr(self._spent, name) >= limit
            ]
            if budget.calls is not None and self._spent.calls + requests > budget.calls:
                reached = ["calls", *(name for name in reached if name != "calls")]
            if budget.cost_usd is not None and self._spent.unpriced and "cost_usd" not in reached:
                reached = [*reached, "cost_usd"]
            if not reached:
                self._spent = self._spent.plus(Spent(calls=requests))
                return
        if self._parent is not None:
            self._parent.add(Spent(calls=-requests))
        raise self._exceeded(reached)

    def add(self, spent: Spent) -> None:
        """Count what a request has cost in the end; it was counted itself by ``admit``."""
        with self._lock:
            self._spent = self._spent.plus(spent)
        if self._parent is not None:
            self._parent.add(spent)

    def _unpriced(self, spent: Spent) -> BudgetExceededError:
        return BudgetExceededError(
            f"The budget of this {self._owner} cannot be kept: nobody knows what {spent.unpriced} "
            "of its requests cost.",
            {"budget": self.budget.shown(), "spent": spent.shown(), "hint": _PRICELESS_HINT},
        )

    def _exceeded(self, reached: list[str]) -> BudgetExceededError:
        limits, spent = self.budget.shown(), self._spent
        if reached == ["cost_usd"] and spent.cost_usd < limits["cost_usd"]:
            return self._unpriced(spent)
        told = ", ".join(
            f"{_amount(name, getattr(spent, name))} of {_amount(name, limits[name])}"
            for name in reached
        )
        return BudgetExceededError(
            f"The budget of this {self._owner} is spent: {told}.",
            {
                "budget": limits,
                "spent": spent.shown(),
                "hint": f"Raise 'budget' in {_WHERE.get(self._owner, 'its settings')}, "
                "or do with less.",
            },
        )


_PRICELESS_HINT = "Limit 'tokens' or 'calls' instead, or use a model whose price is known."

_WHERE: Mapping[str, str] = {"session": "'dspy.configure'"}


def _amount(name: str, value: float) -> str:
    return f"{value:.6g} US dollars" if name == "cost_usd" else f"{value} {name}"
