from __future__ import annotations

from datetime import UTC, datetime

import pytest

from snakepit_bridge.engine.job import Execution, Job
from snakepit_bridge.errors import WrongCallError
from snakepit_bridge.session.context import Session, SessionState
from snakepit_bridge.session.instances import InstanceManager
from snakepit_bridge.testing import EmbeddedHost, FakeClock


def _session(host: EmbeddedHost | None = None) -> Session:
    return Session("s", host or EmbeddedHost(), datetime(2030, 1, 1, tzinfo=UTC))


def _execution(clock: FakeClock, *, deadline: float | None) -> Execution:
    job = Job(session_id="s", command="c", args={}, deadline=deadline, trace_context={})
    return Execution(job, lambda _: None, clock=clock, on_end=lambda: None)


def test_a_session_by_itself_has_instances_and_settings_of_its_own() -> None:
    one, other = _session(), _session()

    ref = one.instances.register(object())
    one.settings["dspy"] = "mine"

    assert len(one.instances) == 1
    assert len(other.instances) == 0
    assert other.settings == {}
    assert one.instances.get(ref) is not None
    assert repr(one) == "Session('s')"


def test_outside_of_a_command_there_is_nothing_to_wait_for() -> None:
    session = _session()

    assert session.cancelled is False
    assert session.deadline is None
    assert session.remaining_s is None
    assert session.single_use is False


def test_a_view_has_the_deadline_of_its_command_and_the_state_of_the_session() -> None:
    session, clock = _session(), FakeClock()
    view = session.seen_by(_execution(clock, deadline=10.0))
    clock.advance(4)

    view.settings["seen"] = True

    assert (view.deadline, view.remaining_s) == (10.0, 6.0)
    assert session.settings == {"seen": True}
    assert session.deadline is None


def test_only_the_view_of_the_cancelled_command_is_cancelled() -> None:
    session, clock = _session(), FakeClock()
    cancelled, other = _execution(clock, deadline=None), _execution(clock, deadline=None)

    cancelled.cancel()

    assert session.seen_by(cancelled).cancelled is True
    assert session.seen_by(other).cancelled is False
    assert session.seen_by(other).remaining_s is None


def test_the_host_is_called_from_threads() -> None:
    host = EmbeddedHost()
    host.offer(_double)
    session = _session(host)

    assert session.call_elixir_tool("_double", {"x": 21}) == 42
    assert session.set_variable("temperature", 0.5) == 1
    assert session.get_variable("temperature") == 0.5


async def test_the_host_is_called_from_the_loop() -> None:
    host = EmbeddedHost()
    host.offer(_double)
    session = _session(host)

    assert await session.acall_elixir_tool("_double", {"x": 21}) == 42
    assert await session.aset_variable("temperature", 0.5) == 1
    assert await session.aget_variable("temperature") == 0.5


async def test_what_would_block_the_loop_is_refused_and_names_its_twin() -> None:
    session = _session()

    with pytest.raises(WrongCallError, match=r"await session\.acall_elixir_tool"):
        session.call_elixir_tool("x", {})
    with pytest.raises(WrongCallError, match=r"await session\.aget_variable"):
        session.get_variable("x")
    with pytest.raises(WrongCallError, match=r"await session\.aset_variable"):
        session.set_variable("x", 1)


def test_a_session_may_share_the_instances_of_others() -> None:
    instances = InstanceManager()
    state = SessionState(instances, started=0.0)
    session = Session("s", EmbeddedHost(), datetime(2030, 1, 1, tzinfo=UTC), state=state)

    session.instances.register(object())

    assert instances.count("s") == 1


def _double(x: int) -> int:
    return 2 * x


def test_a_view_tells_which_command_it_belongs_to_and_what_its_caller_said() -> None:
    job = Job(session_id="s", command="c", args={}, metadata={"k": "v"}, trace_context={})
    execution = Execution(job, lambda _: None, clock=FakeClock(), on_end=lambda: None)
    session = _session()

    view = session.seen_by(execution)

    assert (view.command, view.metadata) == ("c", {"k": "v"})
    assert (session.command, session.metadata) == ("", {})
