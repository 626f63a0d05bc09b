from __future__ import annotations

import asyncio
import importlib
import json
import logging
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dspy
import pytest

from snakepit_bridge.engine.inline import inline_engine
from snakepit_bridge.errors import (
    BridgeError,
    DSPyError,
    ErrorCode,
    ForeignRefError,
    InstanceNotFoundError,
    InvalidArgumentError,
    NotAllowedError,
    QuotaExceededError,
    SessionError,
)
from snakepit_bridge.handlers.allow_list import AllowList
from snakepit_bridge.handlers.command import Command
from snakepit_bridge.handlers.command_handler import CommandHandler
from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.offline import OfflineEngine
from snakepit_bridge.handlers.dspy.secrets import Secrets
from snakepit_bridge.handlers.dspy_handler import DSPyHandler
from snakepit_bridge.handlers.registry import HandlerRegistry
from tests.unit.handlers.dspy.workshop import (
    CANARY,
    MeetingEngine,
    RaisingEngine,
    called,
    use_engine,
    workshop,
)

PROGRAMS = "tests.unit.handlers.dspy.programs"


def commands(**parts: Any) -> CommandHandler:
    handler, _, sessions = workshop(**parts)
    registry = HandlerRegistry()
    registry.register(handler)
    return CommandHandler(registry, sessions)


def with_programs() -> AllowList:
    return AllowList(["dspy", PROGRAMS])


# --- the commands -------------------------------------------------------------------------------


def test_a_program_is_created_configured_and_called_by_command() -> None:
    handler = commands()

    def send(command: str, **args: Any) -> Any:
        return handler.execute("one", command, args)

    ref = send(
        "dspy.create_instance",
        class_path="dspy.ChainOfThought",
        args={"signature": "question -> answer"},
    )
    settings = send("dspy.configure", lm={"model": "offline", "answers": [{"answer": "42"}]})
    answer = send("dspy.call_method", ref=ref, method="__call__", args={"question": "?"})
    listed = send("dspy.list_instances")

    assert settings["lm"]["model"] == "offline"
    assert settings["cache"] is False
    assert answer["answer"] == "42"
    assert set(answer) == {"reasoning", "answer"}
    assert [each["ref"] for each in listed] == [ref]
    assert listed[0]["class"] == "dspy.predict.chain_of_thought.ChainOfThought"
    assert json.dumps([settings, answer, listed])
    assert send("dspy.delete_instance", ref=ref) is True
    assert send("dspy.delete_instance", ref=ref) is False
    assert send("dspy.list_instances") == []


@pytest.mark.parametrize(
    ("command", "args", "wrong"),
    [
        ("dspy.create_instance", {"class_path": 3, "arsg": {}}, ["class_path", "arsg"]),
        ("dspy.create_instance", {"args": 3}, ["args", "class_path"]),
        ("dspy.call_method", {"ref": "x"}, ["method"]),
        ("dspy.configure", {"adapter": "cat", "lm": 3, "temperature": 1}, ["adapter", "lm"]),
        ("dspy.configure", {"num_threads": 0}, ["num_threads"]),
        ("dspy.configure", {"num_threads": 100_000}, ["num_threads"]),
        ("dspy.list_instances", {"all": True}, ["all"]),
        ("dspy.delete_instance", {}, ["ref"]),
    ],
)
def test_wrong_arguments_are_named_before_dspy_is_imported(
    command: str, args: dict[str, Any], wrong: list[str]
) -> None:
    def importer(name: str) -> Any:
        raise NotImplementedError(name)

    with pytest.raises(InvalidArgumentError) as caught:
        commands(door=DSPyDoor(importer=importer)).execute("one", command, args)

    assert set(wrong) <= set(caught.value.details["arguments"])


def test_every_command_has_a_schema_and_a_description() -> None:
    registry = HandlerRegistry()
    registry.register(workshop()[0])

    entries = {each.command: each for each in registry}

    assert set(entries) == {
        "dspy.create_instance",
        "dspy.call_method",
        "dspy.configure",
        "dspy.history",
        "dspy.list_instances",
        "dspy.predict",
        "dspy.usage",
        "dspy.delete_instance",
    }
    assert entries["dspy.create_instance"].schema["required"] == ["class_path"]
    assert entries["dspy.call_method"].schema["required"] == ["ref", "method"]
    assert "two_step" in str(entries["dspy.configure"].schema)
    assert all(each.description for each in entries.values())
    # These only hand the work on; the others import DSPy, or wait, in their thread.
    on_loop = {name for name, each in entries.items() if each.runs_on_loop}
    assert on_loop == {"dspy.call_method", "dspy.predict"}


def test_a_missing_library_is_answered_with_how_to_install_it() -> None:
    def importer(_: str) -> Any:
        raise ModuleNotFoundError("No module named 'dspy'", name="dspy")

    handler = commands(door=DSPyDoor(importer=importer))

    for command, args in [
        ("dspy.create_instance", {"class_path": "dspy.Predict"}),
        ("dspy.call_method", {"ref": "x", "method": "y"}),
        ("dspy.configure", {}),
    ]:
        with pytest.raises(DSPyError, match="not installed") as caught:
            handler.execute("one", command, args)
        assert "snakepit-bridge[dspy]" in caught.value.hint


def test_a_session_that_ends_with_its_command_keeps_nothing() -> None:
    handler, _, sessions = workshop()

    with pytest.raises(SessionError, match="kept"):
        handler.create(sessions.enter(None), class_path="dspy.Example", args={"a": 1})


# --- the founding calls -------------------------------------------------------------------------


def test_the_founding_calls_take_one_object() -> None:
    handler, session, _ = workshop()

    ref = handler.create_instance(
        session, {"class_path": "dspy.Example", "args": {"question": "?", "answer": "42"}}
    )

    assert handler.call_method(session, {"ref": ref, "method": "toDict", "args": {}}) == {
        "question": "?",
        "answer": "42",
    }


def test_the_founding_calls_name_wrong_keys() -> None:
    handler, session, _ = workshop()

    with pytest.raises(InvalidArgumentError, match="class_pth"):
        handler.create_instance(session, {"class_pth": "dspy.Example"})
    with pytest.raises(InvalidArgumentError, match="method"):
        handler.call_method(session, {"ref": "x"})


async def test_the_founding_calls_have_twins_for_the_loop() -> None:
    handler, session, _ = workshop()
    await asyncio.to_thread(handler.configure, session, lm={"model": "offline"})

    ref = await handler.acreate_instance(
        session, {"class_path": "dspy.Predict", "args": ["question -> answer: int"]}
    )
    called = await handler.acall_method(
        session, {"ref": ref, "method": "__call__", "args": {"question": "?"}}
    )
    kept = await handler.acall_method(session, {"ref": ref, "method": "deepcopy"})

    assert called == {"answer": 0}
    assert kept.startswith("predict-")


async def test_on_the_loop_a_module_without_an_async_way_runs_on_a_thread() -> None:
    handler, session, _ = workshop(allow=with_programs())
    ref = await handler.acreate_instance(session, {"class_path": f"{PROGRAMS}.Guide"})

    said = await handler.acall_method(
        session, {"ref": ref, "method": "__call__", "args": {"name": "Ada"}}
    )

    assert said == {"text": "Hello, Ada!"}


async def test_cancelling_ends_a_call_on_the_loop() -> None:
    handler, session, _ = workshop()
    loop, begun, ended = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    class Waiting:
        async def complete(self, request: Any) -> Any:
            loop.call_soon_threadsafe(begun.set)
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        async def aclose(self) -> None:
            raise NotImplementedError

    use_engine(session, OfflineEngine(), async_engine=Waiting())
    ref = await handler.acreate_instance(
        session, {"class_path": "dspy.Predict", "args": ["q -> a"]}
    )

    async with asyncio.timeout(5):
        task = asyncio.create_task(
            handler.acall_method(session, {"ref": ref, "method": "__call__", "args": {"q": "?"}})
        )
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert ended.is_set()


async def test_an_unknown_ref_on_the_loop_is_an_error_of_dspy() -> None:
    handler, session, _ = workshop()

    with pytest.raises(DSPyError, match="unknown-ref"):
        await handler.acall_method(session, {"ref": "unknown-ref", "method": "__call__"})


@pytest.mark.parametrize("way", ["command", "twin"])
async def test_the_loop_is_free_while_dspy_is_imported(way: str) -> None:
    """The import ends only after the loop has done something else."""
    loop, begun, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def importer(name: str) -> Any:
        loop.call_soon_threadsafe(begun.set)
        assert may_end.wait(timeout=5)
        return importlib.import_module(name)

    door = DSPyDoor(importer=importer)
    handler, session, sessions = workshop(door=door, allow=AllowList())
    registry = HandlerRegistry()
    registry.register(handler)
    args = {"class_path": "dspy.Example", "args": {"a": 1}}

    async with asyncio.timeout(10), inline_engine(max_threads=1) as engine:
        runner = CommandHandler(registry, sessions, engine=engine)
        command = Command(name="dspy.create_instance", args=args, session_id="one")
        work = runner.run(command) if way == "command" else handler.acreate_instance(session, args)
        task = asyncio.ensure_future(work)
        await begun.wait()
        may_end.set()
        await task

    assert door.is_open
    assert len(handler.listed(session)) == 1


# --- refs ---------------------------------------------------------------------------------------


def test_an_unknown_ref_keeps_its_code() -> None:
    handler, session, _ = workshop()

    with pytest.raises(DSPyError, match="unknown-ref") as caught:
        called(handler, session, ref="unknown-ref", method="toDict")

    assert caught.value.code is ErrorCode.INSTANCE_NOT_FOUND
    assert isinstance(caught.value.__cause__, InstanceNotFoundError)


def test_a_ref_of_another_session_is_no_hit() -> None:
    handler, one, sessions = workshop()
    two = sessions.get_or_create("two")
    ref = handler.create(one, class_path="dspy.Example", args={"a": 1})

    for use in (
        lambda: called(handler, two, ref=ref, method="toDict"),
        lambda: handler.delete(two, ref=ref),
        lambda: handler.create(two, class_path="dspy.Example", args={"base": ref}),
    ):
        with pytest.raises(DSPyError) as caught:
            use()
        assert caught.value.code is ErrorCode.FOREIGN_REF
        assert isinstance(caught.value.__cause__, ForeignRefError)
    assert handler.listed(two) == []


def test_objects_are_given_to_others_by_their_refs() -> None:
    handler, session, _ = workshop()
    handler.configure(session, lm="offline")
    signature = handler.create(
        session, class_path="dspy.Signature", args=["question -> answer: int", "Count."]
    )
    student = handler.create(session, class_path="dspy.Predict", args={"signature": signature})
    example = handler.create(
        session, class_path="dspy.Example", args={"question": "?", "answer": 42}
    )
    optimizer = handler.create(session, class_path="dspy.LabeledFewShot", args={"k": 1})

    better = called(
        handler,
        session,
        ref=optimizer,
        method="compile",
        args={"student": student, "trainset": [example]},
    )

    assert better.startswith("predict-")
    state = called(handler, session, ref=better, method="dump_state")
    assert state["demos"] == [{"question": "?", "answer": 42}]
    assert state["signature"]["instructions"] == "Count."
    assert called(handler, session, ref=better, method="__call__", args={"question": "?"}) == {
        "answer": 0
    }


def test_only_what_may_be_called_here_is_listed() -> None:
    handler, session, _ = workshop()
    session.instances.register(object())
    ref = handler.create(session, class_path="dspy.Example", args={"a": 1})

    assert [each["ref"] for each in handler.listed(session)] == [ref]


# --- what is wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("class_path", "said"),
    [
        ("dspy.nope", "nope"),
        ("dspy.ChainOfThougt", "Did you mean 'dspy.ChainOfThought'?"),
        ("dspy.predict", "is a module"),
        ("dspy.ensure_signature", "is a function"),
    ],
)
def test_what_is_no_class_is_an_error_of_dspy(class_path: str, said: str) -> None:
    handler, session, _ = workshop()

    with pytest.raises(DSPyError) as caught:
        handler.create(session, class_path=class_path)

    assert said in str(caught.value)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


def test_an_unknown_method_is_an_error_of_dspy() -> None:
    handler, session, _ = workshop()
    ref = handler.create(session, class_path="dspy.Example", args={"a": 1})

    with pytest.raises(DSPyError, match="no_method"):
        called(handler, session, ref=ref, method="no_method")
    with pytest.raises(DSPyError, match="toDcit") as caught:
        called(handler, session, ref=ref, method="toDcit")
    assert caught.value.hint == "Did you mean 'toDict'?"


def test_refusals_stay_refusals() -> None:
    handler, session, _ = workshop()
    ref = handler.create(session, class_path="dspy.Predict", args=["q -> a"])

    for use in (
        lambda: handler.create(session, class_path="dspy.LM", args=["openai/gpt-4o"]),
        lambda: handler.create(session, class_path="dspy.Predict", args=["q -> a: os.system"]),
        lambda: called(handler, session, ref=ref, method="save", args=["x.json"]),
        lambda: called(
            handler,
            session,
            ref=ref,
            method="__call__",
            args={"q": "?", "signature": "q -> a: os.system"},
        ),
    ):
        with pytest.raises(NotAllowedError):
            use()


def test_no_text_from_the_wire_is_evaluated(tmp_path: Path) -> None:
    """DSPy evaluates strings inside of the types of a signature, wherever it comes from."""
    handler, session, _ = workshop()
    marker = tmp_path / "evaluated"
    evil = f'q -> a: list[\'__import__("pathlib").Path("{marker}").touch()\']'
    handler.configure(session, lm="offline")
    program = handler.create(session, class_path="dspy.Predict", args=["q -> a"])
    example = handler.create(session, class_path="dspy.Example", args={"q": "?"})

    for use in (
        lambda: handler.create(session, class_path="dspy.Predict", args=[evil]),
        lambda: handler.create(session, class_path="dspy.Signature", args=[evil]),
        lambda: handler.create(session, class_path="dspy.Example", args={"signature": evil}),
        lambda: called(
            handler, session, ref=program, method="__call__", args={"q": "?", "signature": evil}
        ),
        lambda: called(
            handler, session, ref=example, method="__setitem__", args=["signature", evil]
        ),
        lambda: handler.create(
            session, class_path="dspy.ReAct", args={"signature": "q -> a", "tools": [program]}
        ),
    ):
        with pytest.raises(NotAllowedError):
            use()
    assert not marker.exists()

    dspy.Predict(evil)
    assert marker.exists(), "the attack is a real one"


def test_the_exceptions_of_programs_keep_their_type() -> None:
    handler, session, _ = workshop(allow=with_programs())
    ref = handler.create(session, class_path=f"{PROGRAMS}.Failing")

    with pytest.raises(DSPyError, match="no such town") as caught:
        called(handler, session, ref=ref, method="__call__", args={})

    assert caught.value.foreign_type == "LookupError"
    assert "programs.py" in caught.value.foreign_traceback
    assert caught.value.details["method"] == "__call__"
    assert isinstance(caught.value.__cause__, LookupError)


def test_an_error_of_the_bridge_comes_out_of_a_program_as_it_went_in() -> None:
    handler, session, _ = workshop(allow=with_programs())
    ref = handler.create(session, class_path=f"{PROGRAMS}.Failing")

    with pytest.raises(QuotaExceededError, match="budget"):
        called(handler, session, ref=ref, method="__call__", args={"refuse": True})


@pytest.mark.parametrize(
    ("make", "code", "retryable", "wait"),
    [
        (
            lambda lm15: lm15.RateLimitError("slow down", retry_after=0.0),
            *(ErrorCode.QUOTA_EXCEEDED, True, 0.0),
        ),
        (lambda lm15: lm15.AuthError("who?"), ErrorCode.DSPY_FAILED, False, None),
        (lambda lm15: lm15.ContextLengthError("too long"), ErrorCode.DSPY_FAILED, False, None),
        (lambda _: ZeroDivisionError("engine"), ErrorCode.DSPY_FAILED, False, None),
    ],
)
def test_failures_of_language_models_are_told_apart(
    make: Any, code: ErrorCode, *, retryable: bool, wait: float | None
) -> None:
    handler, session, _ = workshop()
    use_engine(session, RaisingEngine(make))
    ref = handler.create(session, class_path="dspy.Predict", args=["q -> a"])

    with pytest.raises(DSPyError) as caught:
        called(handler, session, ref=ref, method="__call__", args={"q": "?"})

    error = caught.value
    assert (error.code, error.retryable, error.retry_after_s) == (code, retryable, wait)


def test_a_wrong_option_that_only_dspy_knows_is_an_error_of_dspy() -> None:
    handler, session, _ = workshop()

    with pytest.raises(DSPyError, match="temperature"):
        handler.configure(session, lm={"model": "openai/gpt-5", "temperature": 0.2})
    assert session.settings == {}


# --- secrets ------------------------------------------------------------------------------------


def test_a_key_appears_in_no_answer_error_or_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    handler, session, _ = workshop(secrets=Secrets({"OPENAI_API_KEY": CANARY}))
    shown: list[object] = []
    for key in (CANARY, "env:OPENAI_API_KEY"):
        answer = handler.configure(session, lm={"model": "openai/x", "api_key": key})
        shown += [answer, session.settings, handler.configure(session, lm={"temperature": 0.5})]
    for wrong in ({"temprature": 1}, {"temperature": "x"}, {"api_base": "http://x.example"}):
        with pytest.raises(BridgeError) as caught:
            handler.configure(session, lm=wrong)
        shown += [caught.value, caught.value.details]

    use_engine(
        session,
        RaisingEngine(lambda lm15: lm15.AuthError(f"Incorrect API key provided: {CANARY}")),
    )
    ref = handler.create(session, class_path="dspy.Predict", args=["q -> a"])
    with pytest.raises(DSPyError, match=r"\*\*\*") as refused:
        called(handler, session, ref=ref, method="__call__", args={"q": "?"})
    error = refused.value
    logging.getLogger("test").error("failed", exc_info=error)
    shown += [error, error.details, error.foreign_traceback, *traceback.format_exception(error)]

    assert CANARY not in repr(shown)
    assert CANARY not in "".join(map(str, shown))
    assert CANARY not in caplog.text


# --- many at once -------------------------------------------------------------------------------


def test_sessions_with_their_own_language_models_never_mix() -> None:
    """The barrier opens only while all 64 are inside of their language models."""
    handler, _, sessions = workshop()
    together, many = asyncio.Barrier(64), range(64)

    def work(number: int) -> list[Any]:
        session = sessions.get_or_create(f"session {number}")
        meeting = MeetingEngine({"answer": f"answer {number}"}, together)
        use_engine(session, OfflineEngine(), async_engine=meeting)
        ref = handler.create(session, class_path="dspy.ChainOfThought", args=["question -> answer"])
        return [
            called(handler, session, ref=ref, method="__call__", args={"question": "?"})["answer"]
            for _ in range(3)
        ]

    with ThreadPoolExecutor(64) as pool:
        found = list(pool.map(work, many))

    assert found == [[f"answer {number}"] * 3 for number in many]


async def test_tasks_with_their_own_language_models_never_mix() -> None:
    handler, _, sessions = workshop()

    async def work(number: int) -> list[Any]:
        session = sessions.get_or_create(f"session {number}")
        answers = [{"answer": f"answer {number}"}]
        await asyncio.to_thread(
            handler.configure, session, lm={"model": "offline", "answers": answers}
        )
        ref = await handler.acreate_instance(
            session, {"class_path": "dspy.Predict", "args": ["question -> answer"]}
        )
        call = {"ref": ref, "method": "__call__", "args": {"question": "?"}}
        return [await handler.acall_method(session, call) for _ in range(10)]

    async with asyncio.timeout(30):
        found = await asyncio.gather(*(work(number) for number in range(8)))

    assert found == [[{"answer": f"answer {number}"}] * 10 for number in range(8)]


def test_nothing_is_configured_or_kept_for_the_process() -> None:
    handler, session, _ = workshop()
    history = dspy.clients.base_lm.GLOBAL_HISTORY
    settings, trace, kept = dspy.settings.copy(), len(dspy.settings.trace), len(history)
    handler.configure(session, lm="offline", adapter="json", num_threads=2)
    ref = handler.create(session, class_path="dspy.Predict", args=["q -> a"])

    for _ in range(3):
        called(handler, session, ref=ref, method="__call__", args={"q": "?"})

    assert dspy.settings.copy() == settings
    assert (len(dspy.settings.trace), len(history)) == (trace, kept)
    assert session.settings["dspy"].language_model.history == []
    assert session.instances.get(ref).history == []


def test_another_handler_on_the_same_instances_finds_the_same_objects() -> None:
    handler, session, sessions = workshop()
    ref = handler.create(session, class_path="dspy.Example", args={"a": 1})

    other = DSPyHandler(sessions.instances)

    assert other.call_method(session, {"ref": ref, "method": "toDict"}) == {"a": 1}
