"""The language model of a session: counted, kept within budgets, ended with its command."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, cached_property
from typing import Any

import msgspec

from snakepit_bridge.errors import BudgetExceededError, InvalidArgumentError, NotAllowedError
from snakepit_bridge.handlers.dspy.accounts.spending import Spent
from snakepit_bridge.handlers.dspy.models.options import PER_CALL
from snakepit_bridge.handlers.dspy.runner import on_a_loop
from snakepit_bridge.handlers.dspy.runs import CACHE_HIT_KEY, COST_KEY, LMCall, Run, current_run

MOST_ANSWERS = 128
"""Answers that one call may ask a language model for."""

_under_way: ContextVar[LMCall | None] = ContextVar("dspy_lm_call", default=None)


def lm_call_under_way() -> LMCall | None:
    """The request that the calling context has under way, as far as it is known."""
    return _under_way.get()


class UsageTracker:
    """Stands in DSPy's settings where DSPy reports what a request has used.

    It has no state: the request under way has. So one serves every session and thread.
    """

    def add_usage(self, _lm: str, usage: Mapping[str, Any]) -> None:
        """Called by DSPy for every request that was not answered by its cache."""
        call = _under_way.get()
        if call is None:
            return
        call.billed = True
        _add_tokens(call, usage)

    @property
    def usage_data(self) -> defaultdict[str, list[Any]]:
        """Where DSPy hands on what a tracker within this one has seen: counted already."""
        return defaultdict(list)

    def get_total_tokens(self) -> dict[str, dict[str, Any]]:
        """Nothing: the ledger of the run knows."""
        return {}

    def __deepcopy__(self, memo: object) -> UsageTracker:
        return self


USAGE_TRACKER = UsageTracker()


@cache
def session_lm_class(dspy: Any) -> Any:
    """The class of the language models of sessions.

    Args:
        dspy: The module.
    """

    class SessionLM(dspy.LM):  # type: ignore[misc]  # dspy ships no types, so LM is Any
        """A language model whose connection no single call can change.

        A module hands its ``config`` to the language model, and a caller may set that: with an
        address in it, the session's key would go there.

        Requests go out from DSPy's own loop, also those of code on threads: there they can be
        ended at any time, and parallel ones need no thread.
        """

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            kwargs = _checked(self, kwargs)
            run = current_run(dspy)
            if run is not None and run.runner is not None and not on_a_loop():
                return run.runner.wait(self.acall(*args, **kwargs), run)
            # From a thread that DSPy does not know, it can send to no stream.
            with dspy.context(send_stream=None):
                return _Request(dspy, run, self, args, kwargs).made(super().__call__)

        async def acall(self, *args: Any, **kwargs: Any) -> Any:
            kwargs = _checked(self, kwargs)
            request = _Request(dspy, current_run(dspy), self, args, kwargs)
            return await request.amade(super().acall)

        def update_history(self, entry: dict[str, Any]) -> None:
            # DSPy would keep it per process, per model, and per module.
            call = _under_way.get()
            if call is not None:
                _take_over(call, entry)

        def dump_state(self) -> Any:
            # Loaded elsewhere it is an ordinary LM: this class exists in the bridge alone.
            return {**super().dump_state(), "_dspy_lm_class": "dspy.clients.lm.LM"}

    return SessionLM


class _Request:
    """One request to a language model; nothing is counted where no run is under way."""

    def __init__(
        self, dspy: Any, run: Run | None, lm: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._dspy = dspy
        self._run = run
        self._lm = lm
        self._args = args
        self._kwargs = kwargs

    def made(self, ask: Callable[..., Any]) -> Any:
        """Its outputs, whether asked for now or paid for before."""
        outputs = self._kept()
        if outputs is None:
            with self._counted():
                outputs = ask(*self._args, **self._kwargs)
            self._keep(outputs)
        return outputs

    async def amade(self, ask: Callable[..., Awaitable[Any]]) -> Any:
        """As ``made``, on a loop."""
        outputs = self._kept()
        if outputs is None:
            with self._counted():
                outputs = await ask(*self._args, **self._kwargs)
            self._keep(outputs)
        return outputs

    @contextmanager
    def _counted(self) -> Iterator[None]:
        run = self._run
        if run is None:
            yield
            return
        run.check()
        try:
            run.ledger.admit(self._answers)
        except BudgetExceededError as error:
            raise run.halt(error) from None
        call = LMCall(self._lm.model)
        token = _under_way.set(call)
        begun = time.perf_counter()
        try:
            yield
        except BaseException as error:
            call.error = type(error).__name__
            call.entry = {"messages": self._kwargs.get("messages"), "prompt": self._prompt}
            if run.refused is not None and isinstance(error, self._final):
                raise run.halt(run.refused(error)) from error
            raise
        finally:
            call.duration_s = time.perf_counter() - begun
            _under_way.reset(token)
            run.ledger.add(_spent(call))
            if run.on_lm_call is not None:
                run.on_lm_call(call)

    def _kept(self) -> Any | None:
        run = self._run
        if run is None or run.journal is None:
            return None
        run.check()
        kept = run.journal.find(self._key)
        if kept is None:
            return None
        run.ledger.add(Spent(calls=1, cache_hits=1))
        return _attributes(kept)

    def _keep(self, outputs: Any) -> None:
        # What was asked for with a request of its own form is answered in a form of its own.
        journal = None if self._run is None else self._run.journal
        if journal is not None and isinstance(outputs, list):
            journal.keep(self._key, msgspec.to_builtins(outputs))

    @property
    def _final(self) -> tuple[type[BaseException], ...]:
        """What a provider would answer to every further request as well."""
        dspy = self._dspy
        return (
            dspy.LMAuthError,
            dspy.LMBillingError,
            dspy.LMNotConfiguredError,
            dspy.LMUnsupportedModelError,
        )

    @property
    def _prompt(self) -> Any:
        return self._args[0] if self._args else self._kwargs.get("prompt")

    @property
    def _answers(self) -> int:
        """How many are asked for; each is a request of its own."""
        wanted = self._kwargs.get("n") or self._lm.kwargs.get("n")
        return wanted if isinstance(wanted, int) else 1

    @cached_property
    def _key(self) -> str:
        own = self._lm.kwargs.items()
        options = {name: value for name, value in own if not name.startswith("api_")}
        asked = [self._lm.model, options, self._args, self._kwargs]
        try:
            told = msgspec.json.encode(asked, enc_hook=repr, order="sorted")
        except UnicodeEncodeError:  # half of a pair of surrogates
            told = repr(asked).encode("utf-8", "replace")
        return hashlib.sha256(told).hexdigest()


def _spent(call: LMCall) -> Spent:
    answered = not call.error
    return Spent(
        cache_hits=int(call.cache_hit),
        failed=int(not answered),
        input_tokens=call.input_tokens or 0,
        output_tokens=call.output_tokens or 0,
        cost_usd=0.0 if call.cache_hit else call.cost_usd or 0.0,
        unpriced=int(answered and not call.cache_hit and call.cost_usd is None),
        lm_s=call.duration_s,
    )


def _take_over(call: LMCall, entry: Mapping[str, Any]) -> None:
    call.entry = entry
    call.response_model = entry.get("response_model")
    usage = entry.get("usage") or {}
    # What DSPy's cache answers has no usage, and was not reported either.
    call.cache_hit = not call.billed and not usage
    call.cost_usd = entry.get("cost")
    told = [each for each in map(_provider_data, _responses(entry)) if each]
    if call.cost_usd is None and any(COST_KEY in each for each in told):
        call.cost_usd = sum(each.get(COST_KEY) or 0.0 for each in told)
    call.cache_hit = call.cache_hit or any(each.get(CACHE_HIT_KEY) for each in told)
    if not call.billed:
        _add_tokens(call, usage)


def _responses(entry: Mapping[str, Any]) -> Sequence[Any]:
    response = entry.get("response")
    return response if isinstance(response, (list, tuple)) else [response]


def _provider_data(response: Any) -> Mapping[str, Any]:
    data = getattr(response, "provider_data", None)
    return data if isinstance(data, Mapping) else {}


def _add_tokens(call: LMCall, usage: Mapping[str, Any]) -> None:
    for name, key in (("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens")):
        count = usage.get(key)
        if isinstance(count, int):
            setattr(call, name, (getattr(call, name) or 0) + count)


class _Attributes(dict[str, Any]):
    """An object whose members are attributes, too, as DSPy's adapters read them."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def _attributes(value: Any) -> Any:
    if isinstance(value, dict):
        return _Attributes({name: _attributes(each) for name, each in value.items()})
    return [_attributes(each) for each in value] if isinstance(value, list) else value


# --- what a single call may set -----------------------------------------------------------------


def _checked(lm: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    _refuse(kwargs)
    wanted = kwargs.get("n")
    if isinstance(wanted, int) and wanted > MOST_ANSWERS:
        raise InvalidArgumentError(
            f"A language model is asked for {wanted} answers at once; {MOST_ANSWERS} are possible.",
            {"argument": "n", "hint": "Call it more often."},
        )
    # DSPy's cache knows neither addresses nor sessions: a call may do without it, not turn it on.
    return kwargs if lm.cache else {**kwargs, "cache": False}


def _refuse(names: Iterable[str]) -> None:
    wrong = sorted(name for name in names if name not in PER_CALL)
    if wrong:
        listed = ", ".join(map(repr, wrong))
        raise NotAllowedError(
            f"A single call cannot set {listed} of the language model.",
            {"options": wrong, "hint": "Set it for the session with 'dspy.configure'."},
        )
