from __future__ import annotations

import asyncio
import logging
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from snakepit_bridge.bootstrap import Places, end_sessions, open_bridge
from snakepit_bridge.client.async_client import AsyncClient
from snakepit_bridge.engine.loop_thread import loop_thread
from snakepit_bridge.engine.main_thread import MainThread
from snakepit_bridge.errors import BridgeError, HandlerFailedError, NotAllowedError, PoolFullError
from snakepit_bridge.handlers.discovery import HandlerLoadError
from snakepit_bridge.handlers.registry import handles
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.settings import Settings
from snakepit_bridge.transport.in_process import InProcessTransport

SHOP = """
    from snakepit_bridge import handles

    class Shop:
        @handles("shop.open")
        def open(self, session): return "open"

    @handles("shop.ring")
    def ring(session): return "ding"
"""

Module = Callable[[str], str]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    """Writes a module that can be imported, and answers its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text: str) -> str:
        name = f"handlers_of_{tmp_path.name}".replace("-", "_")
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return write


@asynccontextmanager
async def bridge(settings: Settings | None = None, **given: Any) -> AsyncIterator[AsyncClient]:
    async with (
        open_bridge(settings or Settings(), **given) as handler,
        InProcessTransport().serving(handler) as endpoint,
        endpoint.connect() as connection,
    ):
        yield AsyncClient(connection)


# --- what a bridge has -------------------------------------------------------------------------


async def test_a_bridge_has_the_built_in_commands() -> None:
    async with bridge() as client:
        names = {each["name"].partition(".")[0] for each in await client.commands()}
        info = await client.call("system.info")

    assert names == {"system", "session", "variable", "tool", "dspy", "python", "blob"}
    assert info["engine"] == "inline"
    assert info["host_state"] == "embedded"
    assert info["worker_id"].startswith("bridge-")


async def test_settings_reach_what_they_are_about(tmp_path: Path) -> None:
    settings = Settings(
        worker_id="w7",
        max_sessions=1,
        max_variable_bytes=100,
        allow=("collections",),
        dspy_cache=tmp_path,
    )

    async with bridge(settings) as client:
        info = await client.call("system.info")
        await client.call("session.info", session="first")
        with pytest.raises(BridgeError, match="as many as there may be"):
            await client.call("session.info", session="second")
        with pytest.raises(BridgeError, match="100"):
            await client.call("variable.set", {"name": "n", "value": "x" * 200}, session="first")

    assert info["worker_id"] == "w7"


async def test_what_may_be_reached_is_for_the_operator_to_say() -> None:
    class_path = {"class_path": "fractions.Fraction"}

    async with bridge() as client:
        with pytest.raises(NotAllowedError, match="--allow fractions"):
            await client.call("dspy.create_instance", class_path, session="s")
    async with bridge(Settings(allow=("fractions",))) as client:
        ref = await client.call("dspy.create_instance", class_path, session="s")

    assert ref.startswith("fraction-")


async def test_secrets_come_from_the_environment_that_was_given() -> None:
    lm = {"model": "openai/gpt-5-mini", "api_key": "env:MY_KEY"}
    listed = Settings(allow_secret=("MY_KEY",))

    async with bridge(environ={"MY_KEY": "s3cret"}) as client:
        with pytest.raises(NotAllowedError, match="--allow-secret MY_KEY"):
            await client.call("dspy.configure", {"lm": lm}, session="s")
    async with bridge(listed, environ={}) as client:
        with pytest.raises(BridgeError, match="not set where the bridge runs"):
            await client.call("dspy.configure", {"lm": lm}, session="s")
    async with bridge(listed, environ={"MY_KEY": "s3cret"}) as client:
        answer = await client.call("dspy.configure", {"lm": lm}, session="s")

    assert "s3cret" not in str(answer)


async def test_a_host_elsewhere_takes_the_place_of_the_embedded_one() -> None:
    async with bridge(Settings(host_address="127.0.0.1:1")) as client:
        info = await client.call("system.info")

    assert info["host_state"] == "connecting"
    assert info["variables_live_in"] == "host"


async def test_a_host_that_is_given_is_used_and_forgets_sessions_that_end() -> None:
    host = EmbeddedHost()
    host.offer(_shout)

    async with bridge(host=host) as client:
        shouted = await client.call("tool.call", {"name": "_shout", "args": {"text": "a"}})
        await client.call("variable.set", {"name": "n", "value": 1}, session="s")
        await client.call("session.close", session="s")
        left = host.list_variables(session_id="s")

    assert shouted == "A"
    assert left == []


def _shout(*, text: str) -> str:
    return text.upper()


async def test_threads_and_queue_are_as_large_as_the_settings_say() -> None:
    inside, leave = threading.Event(), threading.Event()

    @handles("wait.here")
    def wait(_session: Session) -> None:
        inside.set()
        leave.wait(5)

    async with (
        bridge(Settings(max_threads=1, max_queued=0), handlers=[wait]) as client,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(client.call("wait.here"))
        await asyncio.to_thread(inside.wait, 5)
        with pytest.raises(PoolFullError):
            await client.call("wait.here")
        leave.set()


# --- handlers ----------------------------------------------------------------------------------


async def test_handlers_are_loaded_by_path_functions_too(module: Module) -> None:
    name = module(SHOP)

    async with bridge(Settings(handlers=(f"{name}:Shop", f"{name}:ring"))) as client:
        assert await client.call("shop.open") == "open"
        assert await client.call("shop.ring") == "ding"


async def test_a_module_without_a_name_is_answered_with_the_names_in_it(module: Module) -> None:
    name = module(SHOP)

    with pytest.raises(HandlerLoadError) as caught:
        async with bridge(Settings(handlers=(name,))):
            raise NotImplementedError

    assert str(caught.value) == (
        f"{name!r} names a module, not a handler in it. Write {name}:Shop or {name}:ring."
    )


async def test_a_module_with_nothing_in_it_says_so(module: Module) -> None:
    name = module("import json\n")

    with pytest.raises(HandlerLoadError, match="defines neither class nor function"):
        async with bridge(Settings(handlers=(name,))):
            raise NotImplementedError


@pytest.mark.parametrize("path", ["no_such_module", "no_such_module:Shop"])
async def test_a_module_that_is_not_there_says_where_it_was_looked_for(path: str) -> None:
    with pytest.raises(HandlerLoadError, match=r"no module 'no_such_module'.*looked in"):
        async with bridge(Settings(handlers=(path,))):
            raise NotImplementedError


@pytest.mark.parametrize("suffix", ["", ":Shop"])
async def test_a_module_that_cannot_be_imported_shows_its_own_error(
    suffix: str, module: Module
) -> None:
    name = module("raise OSError('no disk')\n")

    with pytest.raises(HandlerLoadError, match="OSError: no disk"):
        async with bridge(Settings(handlers=(f"{name}{suffix}",))):
            raise NotImplementedError


async def test_tools_that_are_loaded_are_offered_by_the_bridge(module: Module) -> None:
    """They once met the bridge's own ToolHandler, and it did not start."""
    path = module(
        """
        from snakepit_bridge import ToolHandler

        tools = ToolHandler()

        @tools.register
        def shout(text: str) -> str:
            return text.upper()
        """
    )

    async with bridge(Settings(handlers=(f"{path}:tools",))) as client:
        said = await client.call("tool.call", {"name": "shout", "args": {"text": "hello"}})

    assert said == "HELLO"


async def test_a_command_with_two_handlers_names_both(module: Module) -> None:
    name = module(SHOP)

    class Rival:
        @handles("shop.open")
        def speak(self, session: Session) -> str:
            raise NotImplementedError

    with pytest.raises(HandlerLoadError, match=r"Rival' cannot be registered: .*Shop\.open"):
        async with bridge(Settings(handlers=(f"{name}:Shop",)), handlers=[Rival()]):
            raise NotImplementedError


async def test_what_is_no_handler_is_refused_by_name() -> None:
    with pytest.raises(HandlerLoadError, match="'_shout' cannot be registered"):
        async with bridge(handlers=[_shout]):
            raise NotImplementedError


# --- the end -----------------------------------------------------------------------------------


class Kept:
    """Says when it was closed, and by which thread."""

    def __init__(self, closed: list[str]) -> None:
        self._closed = closed

    def close(self) -> None:
        self._closed.append(threading.current_thread().name)


def keeper(instance: object) -> Callable[..., str]:
    @handles("keep.it")
    def keep(session: Session) -> str:
        return session.instances.register(instance)

    return keep


async def test_instances_are_closed_at_the_end_off_the_loop() -> None:
    closed: list[str] = []

    async with bridge(handlers=[keeper(Kept(closed))]) as client:
        await client.call("keep.it", session="s")
        assert closed == []

    assert closed == ["bridge-end"]


async def test_an_instance_that_never_closes_does_not_hold_the_end_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Stuck:
        def close(self) -> None:
            for_ever.wait()

    for_ever = threading.Event()
    sessions = SessionManager(EmbeddedHost())
    sessions.get_or_create("s").instances.register(Stuck())

    with caplog.at_level(logging.WARNING):
        await end_sessions(sessions, timeout_s=0.01)
    for_ever.set()

    assert "closing all instances took more than 0.01 s" in caplog.text


async def test_a_failing_handler_leaves_the_bridge_open() -> None:
    @handles("fail.now")
    def fail(_session: Session) -> None:
        raise ValueError("no")

    async with bridge(handlers=[fail]) as client:
        with pytest.raises(HandlerFailedError):
            await client.call("fail.now")
        assert (await client.call("system.ping"))["message"] == "pong"


# --- where code runs, who is told -----------------------------------------------------------------


@handles("where.on_thread")
def on_thread(_session: Session) -> str:
    return threading.current_thread().name


@handles("where.on_loop")
async def on_loop(_session: Session) -> str:
    return threading.current_thread().name


async def test_async_code_runs_on_the_thread_that_was_given_which_outlives_the_bridge() -> None:
    async def alive() -> bool:
        return True

    with loop_thread("adapter") as thread:
        async with bridge(handlers=[on_loop], places=Places(loop_thread=thread)) as client:
            assert await client.call("where.on_loop") == "adapter"
        assert await asyncio.to_thread(thread.run, alive())


async def test_the_main_thread_runs_what_it_wants_until_the_bridge_closes() -> None:
    main = MainThread(wants=lambda job: job.command == "where.on_thread")
    played = threading.Thread(target=main.serve_here, name="played-main")
    played.start()

    handlers = [on_thread, on_loop]
    async with bridge(handlers=handlers, places=Places(main_thread=main)) as client:
        assert await client.call("where.on_thread") == "played-main"
        assert await client.call("where.on_loop") == threading.current_thread().name

    await asyncio.to_thread(played.join, 5)
    assert not played.is_alive()


async def test_whoever_wants_to_hears_of_the_end_of_every_session_before_its_variables_go() -> None:
    host = EmbeddedHost()
    told: list[tuple[str, object]] = []

    def tell(session_id: str) -> None:
        told.append((session_id, host.get_variable(session_id=session_id, name="v")))

    async with bridge(host=host, on_session_end=[tell]) as client:
        for session_id in ("one", "two"):
            await client.call("variable.set", {"name": "v", "value": 1}, session=session_id)
        await client.call("session.close", session="two")
        assert told == [("two", 1)]

    assert told == [("two", 1), ("one", 1)]
