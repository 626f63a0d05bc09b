from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from snakepit_bridge.engine import Engine, inline_engine
from snakepit_bridge.engine.job import Execution
from snakepit_bridge.engine.main_thread import MainThread
from snakepit_bridge.engine.thread_sensitive import thread_sensitive
from snakepit_bridge.errors import CommandCancelledError, CommandDeadlineError
from tests.contract.engines import run
from tests.unit.engine.probe import Listening, Probe, busy, settled


def everything(_: object) -> bool:
    return True


@contextmanager
def served(main: MainThread) -> Iterator[threading.Thread]:
    """A thread that plays the main one."""
    thread = threading.Thread(target=main.serve_here, name="played-main", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        main.close(timeout_s=5)
        thread.join(5)
        assert not thread.is_alive()


@asynccontextmanager
async def engine_with(main: MainThread) -> AsyncIterator[Engine]:
    with served(main):
        async with inline_engine(main_thread=main) as engine:
            yield engine


def where(_: Execution) -> str:
    return threading.current_thread().name


async def where_on_loop(_: Execution) -> str:
    await asyncio.sleep(0)
    return threading.current_thread().name


def items_where(_: Execution) -> Iterator[str]:
    yield threading.current_thread().name


async def items_where_on_loop(_: Execution) -> AsyncIterator[str]:
    await asyncio.sleep(0)
    yield threading.current_thread().name


@pytest.mark.defect("D10")
@pytest.mark.parametrize(
    ("code", "on_loop", "streams", "answer"),
    [
        (where, False, False, "played-main"),
        (where_on_loop, True, False, "played-main"),
        (items_where, False, True, ["played-main"]),
        (items_where_on_loop, True, True, ["played-main"]),
    ],
)
async def test_code_of_every_kind_runs_on_the_main_thread(
    code: Callable[[Execution], object], answer: object, *, on_loop: bool, streams: bool
) -> None:
    async with engine_with(MainThread(wants=everything)) as engine:
        answered = await run(engine, Probe(code, runs_on_loop=on_loop, streams=streams))

    assert answered == answer


async def test_what_the_main_thread_does_not_want_runs_elsewhere() -> None:
    async with engine_with(MainThread(wants=lambda job: job.command == "other")) as engine:
        assert await run(engine, Probe(where, runs_on_loop=False)) != "played-main"


@pytest.mark.defect("D10")
async def test_the_loop_serves_others_while_the_main_thread_is_busy() -> None:
    let_go = threading.Event()

    def hold(_: Execution) -> str:
        assert let_go.wait(5)
        return "held"

    async with engine_with(MainThread(wants=lambda job: not job.runs_on_loop)) as engine:
        held = asyncio.create_task(run(engine, Probe(hold, runs_on_loop=False)))
        await busy(engine, in_flight=1)
        assert await run(engine, Probe(where_on_loop, runs_on_loop=True)) != "played-main"
        let_go.set()
        assert await held == "held"


async def test_what_waits_for_the_main_thread_can_be_cancelled() -> None:
    let_go = threading.Event()

    def hold(_: Execution) -> str:
        assert let_go.wait(5)
        return "held"

    def never(_: Execution) -> None:
        raise NotImplementedError

    waiting = Probe(never, runs_on_loop=False)
    async with engine_with(MainThread(wants=everything)) as engine:
        held = asyncio.create_task(run(engine, Probe(hold, runs_on_loop=False)))
        await busy(engine, in_flight=1)
        queued = asyncio.create_task(run(engine, waiting))
        await busy(engine, in_flight=1, queued=1)
        queued.cancel()
        with pytest.raises(asyncio.CancelledError):
            await queued
        let_go.set()
        await held
        await settled(engine)

    assert waiting.ends == 1


@pytest.mark.parametrize("streams", [False, True])
async def test_async_code_there_is_cancelled_at_its_deadline(*, streams: bool) -> None:
    code = Listening()
    probe = code.probe(on_loop=True, streams=streams, timeout_s=0.01)

    async with engine_with(MainThread(wants=everything)) as engine:
        with pytest.raises(CommandDeadlineError):
            await run(engine, probe)
        await settled(engine)

    assert code.cleaned_up


async def test_closing_drops_what_waits_for_a_main_thread_that_never_came() -> None:
    def never(_: Execution) -> None:
        raise NotImplementedError

    async with inline_engine(main_thread=MainThread(wants=everything)) as engine:
        waiting = asyncio.create_task(run(engine, Probe(never, runs_on_loop=False)))
        await busy(engine, in_flight=0, queued=1)

    with pytest.raises(CommandCancelledError):
        await waiting


def test_closing_tells_whether_the_thread_is_still_inside() -> None:
    main, inside, let_go = MainThread(wants=everything), threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        assert let_go.wait(5)

    with served(main):
        main.submit("key", hold, after=lambda: None)
        assert inside.wait(5)
        assert main.close(timeout_s=0.0) == 1
        let_go.set()
        assert main.close(timeout_s=5.0) == 0


# --- which jobs want it -------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["1", "true", " T ", "YES", "y", "on"])
def test_a_caller_may_ask_for_the_main_thread(said: str) -> None:
    job = Probe(where, metadata={"thread_sensitive": said}).execution.job

    assert thread_sensitive()(job)


@pytest.mark.parametrize("said", ["", "0", "false", "no", "off", "please"])
def test_other_words_do_not_ask_for_it(said: str) -> None:
    job = Probe(where, metadata={"thread_sensitive": said}).execution.job

    assert not thread_sensitive(["faiss"])(job)


def test_an_operator_may_have_everything_run_there() -> None:
    assert thread_sensitive(["faiss", "*"])(Probe(where).execution.job)


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        ({"module_path": "faiss"}, True),
        ({"python_module": "faiss", "function": "index"}, True),
        ({"library": "faiss"}, True),
        ({"library": "math_verify", "function": "verify"}, True),
        ({"library": "math_verify", "method": "verify"}, True),
        ({"library": "math_verify", "function": "parse", "method": "verify"}, False),
        ({"library": "math_verify"}, False),
        ({"module_path": "", "library": "faiss"}, True),
        ({"module_path": "other", "library": "faiss"}, False),
        ({"library": 3}, False),
        ({"function": "faiss"}, False),
        ({}, False),
    ],
)
def test_modules_and_functions_that_need_it_are_known_by_the_arguments(
    args: dict[str, object], *, wanted: bool
) -> None:
    job = Probe(where, args=args).execution.job

    assert thread_sensitive([" faiss ", "math_verify.verify", ""])(job) is wanted
