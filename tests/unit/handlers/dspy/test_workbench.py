from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from snakepit_bridge.engine.inline import inline_engine
from snakepit_bridge.errors import (
    BridgeError,
    BudgetExceededError,
    CommandDeadlineError,
    InvalidArgumentError,
    NotAllowedError,
)
from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.command import Command, Result
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.dspy.offline import OfflineEngine
from snakepit_bridge.handlers.registry import HandlerRegistry
from snakepit_bridge.session.context import Session
from tests.unit.handlers.dspy.workshop import CANARY, MeetingEngine, use_engine, workshop

PROGRAMS = "tests.unit.handlers.dspy.programs"
ALLOWED = AllowList(["dspy", PROGRAMS])


class Bridge:
    """Commands of one session on a real engine."""

    def __init__(self, commands: CommandHandler, session: Session) -> None:
        self.session = session
        self._commands = commands

    async def run(self, name: str, *, timeout_s: float | None = None, **args: Any) -> Result:
        return await self._commands.run(
            Command(name=name, args=args, session_id=self.session.id, timeout_s=timeout_s)
        )

    async def value(self, name: str, **args: Any) -> Any:
        return (await self.run(name, **args)).value


@asynccontextmanager
async def bridge(max_threads: int = 2, **parts: Any) -> AsyncIterator[Bridge]:
    handler, session, sessions = workshop(**parts)
    registry = HandlerRegistry()
    registry.register(handler)
    async with asyncio.timeout(20), inline_engine(max_threads=max_threads) as engine:
        yield Bridge(CommandHandler(registry, sessions, engine=engine), session)


async def program(here: Bridge, class_path: str = "dspy.Predict", args: Any = None) -> str:
    found: str = await here.value(
        "dspy.create_instance",
        class_path=class_path,
        args=["question -> answer"] if args is None else args,
    )
    return found


class Waiting(MeetingEngine):
    """An engine that never answers, and tells when it is asked and when it is left."""

    def __init__(self) -> None:
        super().__init__({}, asyncio.Barrier(1))
        self.asked, self.left = threading.Event(), threading.Event()

    async def complete(self, request: Any) -> Any:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()


# --- usage --------------------------------------------------------------------------------------


async def test_answers_tell_what_was_spent() -> None:
    async with bridge() as here:
        await here.run("dspy.configure", lm="offline")
        ref = await program(here)

        told = await here.run(
            "dspy.call_method", ref=ref, method="__call__", args={"question": "?"}
        )
        nothing = await here.run("dspy.call_method", ref=ref, method="dump_state")
        record = await here.value("dspy.predict", ref=ref, args={"question": "?"})
        session = await here.value("dspy.usage")

    spent = json.loads(told.metadata["dspy-usage"])
    assert (spent["calls"], spent["cost_usd"]) == (1, 0.0)
    assert "dspy-usage" not in nothing.metadata
    assert record["outputs"]["answer"].startswith("Offline")
    assert record["usage"]["total_tokens"] == spent["total_tokens"]
    assert session["spent"]["calls"] == 2
    assert (session["budget"], session["left"]) == ({}, {})


async def test_errors_tell_what_was_spent_as_well() -> None:
    async with bridge() as here:
        await here.run("dspy.configure", lm={"model": "offline", "answers": ["no"]})
        ref = await program(here)

        with pytest.raises(BridgeError) as caught:
            await here.run("dspy.predict", ref=ref, args={"question": "?"})

    assert json.loads(caught.value.metadata["dspy-usage"])["calls"] == 2


async def test_the_budget_of_a_session_holds_for_all_its_calls() -> None:
    async with bridge() as here:
        await here.run("dspy.configure", lm="offline", budget={"calls": 2})
        ref = await program(here)
        for _ in range(2):
            await here.run("dspy.predict", ref=ref, args={"question": "?"})

        with pytest.raises(BudgetExceededError, match="this session is spent: 2 calls of 2"):
            await here.run("dspy.predict", ref=ref, args={"question": "?"})
        assert (await here.value("dspy.usage"))["left"] == {"calls": 0}
        await here.run("dspy.configure", budget={})
        await here.run("dspy.predict", ref=ref, args={"question": "?"})


async def test_the_budget_of_a_call_holds_for_that_call() -> None:
    async with bridge() as here:
        await here.run("dspy.configure", lm={"model": "offline", "answers": ["no"]})
        ref = await program(here)
        asking: dict[str, Any] = {"ref": ref, "args": {"question": "?"}}

        with pytest.raises(BudgetExceededError, match="this call is spent: 1 calls of 1"):
            await here.run("dspy.predict", **asking, settings={"budget": {"calls": 1}})
        assert (await here.value("dspy.usage"))["budget"] == {}


async def test_the_history_is_told_on_demand() -> None:
    async with bridge() as here:
        await here.run("dspy.configure", lm="offline", history=2)
        ref = await program(here)
        for word in ("one", "two", "three"):
            await here.run("dspy.predict", ref=ref, args={"question": word})

        told = await here.value("dspy.history")
        redacted = await here.value("dspy.history", limit=1, redact=True)

    assert ["two" in str(told[0]["messages"]), "three" in str(told[1]["messages"])] == [True, True]
    assert len(redacted) == 1
    assert "three" not in str(redacted)


# --- settings of one call -----------------------------------------------------------------------


async def test_a_call_has_settings_of_its_own() -> None:
    async with bridge() as here:
        await here.run("dspy.configure", lm={"model": "offline", "answers": [{"answer": "mine"}]})
        ref = await program(here)
        asking: dict[str, Any] = {"ref": ref, "args": {"question": "?"}}

        other = {"lm": {"model": "offline", "answers": [{"answer": "other"}]}, "adapter": "json"}
        answers = [
            (await here.value("dspy.predict", **asking, settings=settings))["outputs"]["answer"]
            for settings in (other, None, {"lm": {"temperature": 0.5}}, {})
        ]
        kept = await here.value("dspy.configure")

    assert answers == ["other", "mine", "mine", "mine"]
    assert kept["lm"] == {"model": "offline", "answers": [{"answer": "mine"}]}
    assert kept["adapter"] == "chat"


async def test_a_key_for_one_call_is_kept_nowhere() -> None:
    async with bridge() as here:
        ref = await program(here)
        settings = {
            "lm": {
                "model": "openai/x",
                "api_key": CANARY,
                "api_base": "http://127.0.0.1:9",
                "num_retries": 0,
            }
        }
        with pytest.raises(BridgeError) as caught:
            await here.run("dspy.predict", ref=ref, args={"question": "?"}, settings=settings)
        kept = await here.value("dspy.configure")

    error = caught.value
    assert CANARY not in f"{error!r} {error.details} {error.foreign_traceback} {kept}"
    assert CANARY not in repr(here.session.settings)
    assert kept["lm"] is None


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"temperature": 1}, "unknown are 'temperature'"),
        ({"adaptor": "json"}, "unknown are 'adaptor'"),
        ({"history": 3}, "'history' belongs to the session"),
        ({"adapter": "cat"}, "Invalid enum value 'cat'"),
        ({"budget": {"dollars": 1}}, "dollars"),
        ({"lm": {"model": "offline", "temprature": 1}}, "'temprature'"),
    ],
)
async def test_wrong_settings_are_named(settings: Mapping[str, Any], wrong: str) -> None:
    async with bridge() as here:
        await here.run("dspy.configure", lm="offline")
        ref = await program(here)
        with pytest.raises(InvalidArgumentError, match=wrong):
            await here.run("dspy.predict", ref=ref, args={"question": "?"}, settings=settings)


async def test_rules_hold_for_the_settings_of_a_call() -> None:
    async with bridge() as here:
        ref = await program(here)
        lm = {"model": "openai/x", "api_key": "env:HOME"}
        with pytest.raises(NotAllowedError, match="'HOME'"):
            await here.run("dspy.predict", ref=ref, args={"question": "?"}, settings={"lm": lm})


# --- many at once, and their end ----------------------------------------------------------------


async def test_more_calls_run_at_once_than_there_are_threads() -> None:
    """The barrier opens only while all 32 are inside of the language model."""
    async with bridge(max_threads=1) as here:
        meeting = MeetingEngine({"answer": "together"}, asyncio.Barrier(32))
        use_engine(here.session, OfflineEngine(), async_engine=meeting)
        ref = await program(here)

        calls = [here.value("dspy.predict", ref=ref, args={"question": "?"}) for _ in range(32)]
        answers = await asyncio.gather(*calls)

    assert [each["outputs"]["answer"] for each in answers] == ["together"] * 32


KINDS = pytest.mark.parametrize(
    ("class_path", "args"),
    [("dspy.Predict", ["question -> answer"]), (f"{PROGRAMS}.Asking", [])],
    ids=["async", "on a thread"],
)


@KINDS
async def test_cancelling_a_call_ends_its_request(class_path: str, args: list[Any]) -> None:
    async with bridge(allow=ALLOWED) as here:
        waiting = Waiting()
        use_engine(here.session, OfflineEngine(), async_engine=waiting)
        ref = await program(here, class_path, args)

        task = asyncio.create_task(here.run("dspy.predict", ref=ref, args={"question": "?"}))
        await asyncio.to_thread(waiting.asked.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await asyncio.to_thread(waiting.left.wait, 10)


@KINDS
async def test_the_deadline_of_a_call_ends_its_request(class_path: str, args: list[Any]) -> None:
    async with bridge(allow=ALLOWED) as here:
        waiting = Waiting()
        use_engine(here.session, OfflineEngine(), async_engine=waiting)
        ref = await program(here, class_path, args)

        with pytest.raises(CommandDeadlineError):
            await here.run("dspy.predict", ref=ref, args={"question": "?"}, timeout_s=0.2)

        assert await asyncio.to_thread(waiting.left.wait, 10)


async def test_code_that_swallows_a_halt_is_not_believed() -> None:
    async with bridge(allow=ALLOWED) as here:
        await here.run("dspy.configure", lm="offline", budget={"calls": 0})
        ref = await program(here, f"{PROGRAMS}.Careless", [])

        with pytest.raises(BudgetExceededError):
            await here.run("dspy.predict", ref=ref, args={"question": "?"})


# --- what is checked, what is made of data ------------------------------------------------------


async def test_unknown_inputs_are_refused_with_the_nearest() -> None:
    async with bridge() as here:
        await here.run("dspy.configure", lm="offline")
        ref = await program(here)

        with pytest.raises(BridgeError, match="missing 'question'; unknown 'qestion'") as caught:
            await here.run("dspy.predict", ref=ref, args={"qestion": "?"})
        assert caught.value.hint == "It takes: question. Did you mean 'question'?"
        with pytest.raises(BridgeError, match="unknown 'context'"):
            await here.run("dspy.predict", ref=ref, args={"question": "?", "context": "c"})
        await here.run("dspy.predict", ref=ref, args={"question": "?", "config": {"n": 1}})


async def test_inputs_have_the_types_of_the_signature() -> None:
    async with bridge() as here:
        await here.run("dspy.configure", lm="offline", history=1)
        ref = await program(here, args=["image: dspy.Image, n: int -> answer"])
        image = {"url": "https://example.org/a.png"}

        await here.run("dspy.predict", ref=ref, args={"image": image, "n": 3})
        told = await here.value("dspy.history")
        with pytest.raises(BridgeError, match="'n': Input should be a valid integer"):
            await here.run("dspy.predict", ref=ref, args={"image": image, "n": "three"})
        fetched = {**image, "download": True}
        with pytest.raises(NotAllowedError, match="'download'"):
            await here.run("dspy.predict", ref=ref, args={"image": fetched, "n": 3})

    assert "image_url" in str(told[0]["messages"])


async def test_rows_are_examples_of_a_batch(capsys: pytest.CaptureFixture[str]) -> None:
    async with bridge() as here:
        await here.run("dspy.configure", lm="offline")
        ref = await program(here)
        calls: list[Any] = [
            {"examples": [{"question": "a"}, {"question": "b"}]},
            [[{"question": "a"}, {"question": "b"}]],
        ]
        for args in calls:
            told = await here.value("dspy.call_method", ref=ref, method="batch", args=args)
            assert [set(each) for each in told] == [{"answer"}] * 2
        many = {"examples": [], "num_threads": 600}
        with pytest.raises(BridgeError, match="'num_threads' is 600"):
            await here.run("dspy.call_method", ref=ref, method="batch", args=many)

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("wrapped", [list, dict])
async def test_a_signature_is_made_of_data(wrapped: Any) -> None:
    data = {"inputs": {"text": "str"}, "outputs": {"labels": "list[str]"}}
    async with bridge() as here:
        await here.run("dspy.configure", lm="offline")
        args = [data] if wrapped is list else data
        signature = await program(here, "dspy.Signature", args)
        ref = await program(here, args={"signature": signature})
        answer = await here.value("dspy.predict", ref=ref, args={"text": "?"})

        with pytest.raises(BridgeError, match="outputs"):
            await program(here, "dspy.Signature", [{"inputs": {"a": "str"}, "outputs": 3}])

    assert answer["outputs"] == {"labels": []}


async def test_a_bare_name_is_told_where_it_lies() -> None:
    async with bridge() as here:
        with pytest.raises(NotAllowedError, match="no dotted name") as caught:
            await program(here, "Predict")
        assert caught.value.hint == "Did you mean 'dspy.Predict'?"
        with pytest.raises(NotAllowedError, match="outside of what is allowed"):
            await program(here, "os")


async def test_a_language_model_is_set_for_the_session_alone() -> None:
    async with bridge() as here:
        ref = await program(here)
        with pytest.raises(NotAllowedError, match="set_lm"):
            await here.run("dspy.call_method", ref=ref, method="set_lm", args=["offline"])


async def test_a_budget_needs_a_model_that_is_counted() -> None:
    async with bridge() as here:
        ref = await program(here)
        await here.run("dspy.configure", budget={"calls": 1})
        with pytest.raises(BridgeError, match="A budget needs a language model") as caught:
            await here.run("dspy.predict", ref=ref, args={"question": "?"})
        assert "dspy.configure" in caught.value.hint
