from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from snakepit_bridge.clock import SystemClock
from snakepit_bridge.errors import (
    InstanceNotFoundError,
    InvalidArgumentError,
    QuotaExceededError,
    SessionError,
)
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.limits import SessionLimits
from snakepit_bridge.session.manager import MAX_ID_LENGTH, SessionManager
from snakepit_bridge.testing import EmbeddedHost, FakeClock


class Door:
    def __init__(self, closed: list[str], name: str = "door") -> None:
        self._closed = closed
        self._name = name

    def close(self) -> None:
        self._closed.append(self._name)


class Manager:
    """A manager, its clock, and what it has told."""

    def __init__(self, **limits: float) -> None:
        self.clock = FakeClock()
        self.ended: list[str] = []
        self.sessions = SessionManager(
            EmbeddedHost(),
            limits=SessionLimits(**limits),  # type: ignore[arg-type]  # tests give what fits
            clock=self.clock,
            on_end=[self.ended.append],
        )


# --- opening, finding -------------------------------------------------------------------------


def test_a_session_is_opened_by_its_first_use() -> None:
    manager = Manager()

    session = manager.sessions.get_or_create("s")

    assert manager.sessions.get_or_create("s") is manager.sessions.find("s") is session
    assert session.created_at == manager.clock.now()
    assert session.bridge_client is manager.sessions.host
    assert len(manager.sessions) == 1


def test_time_comes_from_this_machine_by_default() -> None:
    assert isinstance(SessionManager(EmbeddedHost()).clock, SystemClock)


def test_an_unknown_session_is_not_opened_by_looking_for_it() -> None:
    manager = Manager()

    with pytest.raises(SessionError) as caught:
        manager.sessions.find("s")

    assert caught.value.details["session_id"] == "s"
    assert "opens it anew" in caught.value.hint
    assert len(manager.sessions) == 0


@pytest.mark.parametrize("session_id", ["", "x" * (MAX_ID_LENGTH + 1), "single-use-1"])
def test_an_impossible_id_is_refused(session_id: str) -> None:
    with pytest.raises(InvalidArgumentError, match="1 to 256 characters"):
        Manager().sessions.get_or_create(session_id)


def test_there_are_only_so_many_sessions() -> None:
    manager = Manager(sessions=2)
    manager.sessions.get_or_create("a")
    manager.sessions.get_or_create("b")

    with pytest.raises(QuotaExceededError) as caught:
        manager.sessions.enter("c")

    assert caught.value.details["limit"] == 2
    assert "--max-sessions" in caught.value.hint
    assert manager.sessions.get_or_create("a").id == "a"


# --- ending -----------------------------------------------------------------------------------


def test_an_ended_session_closes_its_instances_the_newest_first() -> None:
    manager, closed = Manager(), list[str]()
    session = manager.sessions.get_or_create("s")
    for name in ("first", "second"):
        session.instances.register(Door(closed, name))

    assert manager.sessions.end("s") == 2

    assert closed == ["second", "first"]
    assert manager.ended == ["s"]
    assert manager.sessions.get_or_create("s") is not session


def test_an_unknown_session_cannot_be_ended() -> None:
    with pytest.raises(SessionError, match="No session 's'"):
        Manager().sessions.end("s")


def test_all_sessions_end_when_the_bridge_closes() -> None:
    manager = Manager()
    for name in ("a", "b"):
        manager.sessions.get_or_create(name)

    assert manager.sessions.end_all() == 2

    assert sorted(manager.ended) == ["a", "b"]
    assert len(manager.sessions) == 0


def test_a_session_that_ends_while_all_do_is_no_trouble() -> None:
    manager = Manager()
    manager.sessions.get_or_create("b").instances.register(object())
    first = manager.sessions.get_or_create("a")

    class EndsTheOther:
        def close(self) -> None:
            manager.sessions.end("b")

    manager.sessions.end("b")
    manager.sessions.get_or_create("b")
    first.instances.register(EndsTheOther())

    assert manager.sessions.end_all() == 2
    assert len(manager.sessions) == 0


def test_a_session_may_be_ended_from_inside_and_is_not_revived() -> None:
    manager, closed = Manager(), list[str]()
    session = manager.sessions.enter("s")
    ref = session.instances.register(Door(closed))

    assert manager.sessions.close(session) == 1
    assert manager.sessions.close(session) == 0

    assert closed == ["door"]
    with pytest.raises(InstanceNotFoundError):
        session.instances.get(ref)
    with pytest.raises(SessionError, match="No session 's'"):
        session.instances.register(object())
    manager.sessions.leave(session)
    assert len(manager.sessions) == 0
    assert manager.sessions.instances.count() == 0


def test_a_command_of_an_ended_session_cannot_end_the_next_one_of_its_id() -> None:
    manager = Manager()
    old = manager.sessions.enter("s")
    manager.sessions.close(old)
    new = manager.sessions.get_or_create("s")

    assert manager.sessions.close(old) == 0
    manager.sessions.leave(old)

    assert manager.sessions.find("s") is new
    assert manager.ended == ["s"]


def test_what_a_command_left_behind_after_the_end_is_told_of_again() -> None:
    """Variables that it had set after the end used to be kept for ever."""
    host = EmbeddedHost()
    sessions = SessionManager(host, on_end=[host.forget_session])
    session = sessions.enter("s")

    sessions.close(session)
    session.set_variable("late", 1)
    sessions.leave(session)

    assert host.list_variables(session_id="s") == []


def test_one_who_fails_when_told_of_an_end_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The failure used to leave instances open and to stop the looking for idle sessions."""
    told, closed = list[str](), list[str]()

    def fail(session_id: str) -> None:
        raise OSError(session_id)

    sessions = SessionManager(EmbeddedHost(), on_end=[fail, told.append])
    sessions.get_or_create("s").instances.register(Door(closed))

    assert sessions.end("s") == 1

    assert (told, closed) == (["s"], ["door"])
    assert "telling of the end of session s failed" in caplog.text


# --- commands ---------------------------------------------------------------------------------


def test_a_session_runs_only_so_many_commands() -> None:
    manager = Manager(commands=1)
    running = manager.sessions.enter("s")

    with pytest.raises(QuotaExceededError) as caught:
        manager.sessions.enter("s")
    assert caught.value.details == {
        "session_id": "s",
        "limit": 1,
        "hint": "Wait for some to end, or raise --max-session-commands.",
    }

    manager.sessions.leave(running)
    assert manager.sessions.enter("s") is running


@pytest.mark.parametrize("nothing", ["", None])
def test_a_command_without_a_session_gets_one_that_ends_with_it(nothing: str | None) -> None:
    manager = Manager(sessions=1)
    manager.sessions.get_or_create("the only one")

    first, second = manager.sessions.enter(nothing), manager.sessions.enter(nothing)

    assert first.id != second.id
    assert first.single_use is second.single_use is True
    assert len(manager.sessions) == 1
    manager.sessions.leave(first)
    assert manager.ended == [first.id]


def test_nothing_can_be_kept_in_a_session_that_ends_with_its_command() -> None:
    session = Manager().sessions.enter("")

    with pytest.raises(SessionError, match="Send a session_id with the command"):
        session.instances.register(object())


def test_commands_of_one_name_line_up_in_their_session_only() -> None:
    manager = Manager()
    one, other = manager.sessions.get_or_create("one"), manager.sessions.get_or_create("other")

    turn = manager.sessions.turnstile(one, "c")

    assert manager.sessions.turnstile(one, "c") is turn
    assert manager.sessions.turnstile(one, "d") is not turn
    assert manager.sessions.turnstile(other, "c") is not turn


def test_commands_enter_and_leave_from_many_threads_at_once() -> None:
    manager = Manager()
    together = threading.Barrier(8)

    def commands() -> None:
        together.wait(5)
        for _ in range(50):
            manager.sessions.leave(manager.sessions.enter("s"))

    threads = [threading.Thread(target=commands) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert manager.sessions.find("s").state.running == 0
    assert len(manager.sessions) == 1


# --- lifetimes --------------------------------------------------------------------------------


def test_a_session_without_commands_expires_with_all_it_holds() -> None:
    manager, closed = Manager(idle_s=60), list[str]()
    manager.sessions.get_or_create("s").instances.register(Door(closed))

    manager.clock.advance(59)
    assert manager.sessions.expire() == []
    manager.clock.advance(1)
    assert manager.sessions.expire() == ["s"]

    assert closed == ["door"]
    assert manager.ended == ["s"]
    assert len(manager.sessions) == 0


def test_each_use_begins_the_idle_time_anew() -> None:
    manager = Manager(idle_s=60)
    manager.sessions.get_or_create("s")
    manager.clock.advance(50)

    manager.sessions.get_or_create("s")
    manager.clock.advance(50)

    assert manager.sessions.expire() == []


def test_a_session_that_is_touched_is_not_idle() -> None:
    manager = Manager(idle_s=10)
    session = manager.sessions.get_or_create("s")

    manager.clock.advance(6)
    assert manager.sessions.touch("s")
    manager.clock.advance(6)

    assert manager.sessions.idle_s(session) == 6
    assert manager.sessions.expire() == []


def test_a_session_that_is_held_is_not_idle() -> None:
    manager = Manager(idle_s=10)

    with manager.sessions.holding("s") as session:
        manager.clock.advance(60)
        assert manager.sessions.expire() == []
        assert session is manager.sessions.find("s")
    manager.clock.advance(9)
    assert manager.sessions.expire() == []
    manager.clock.advance(1)

    assert manager.sessions.expire() == ["s"]


def test_who_wants_to_know_of_ends_is_told_of_those_that_come() -> None:
    manager, told = Manager(), list[str]()
    for name in ("before", "after"):
        manager.sessions.get_or_create(name)
    manager.sessions.end("before")

    manager.sessions.when_ended(told.append)
    manager.sessions.end("after")

    assert told == ["after"]
    assert manager.ended == ["before", "after"]


def test_touching_opens_no_session() -> None:
    manager = Manager()

    assert not manager.sessions.touch("s")

    assert len(manager.sessions) == 0


@pytest.mark.parametrize("when", ["before", "afterwards"])
def test_a_session_that_is_kept_never_ends_by_its_age_or_idleness(when: str) -> None:
    manager = Manager(idle_s=10, ttl_s=20)
    if when == "before":
        manager.sessions.keep("kept")
    kept = manager.sessions.get_or_create("kept")
    manager.sessions.get_or_create("other")
    manager.sessions.keep("kept")

    manager.clock.advance(30)

    assert manager.sessions.expire() == ["other"]
    assert manager.sessions.get_or_create("kept") is kept
    manager.sessions.end("kept")
    assert len(manager.sessions) == 0


def test_a_session_is_not_idle_while_a_command_runs_in_it() -> None:
    manager = Manager(idle_s=60)
    session = manager.sessions.enter("s")
    manager.clock.advance(1000)

    assert manager.sessions.expire() == []
    assert manager.sessions.idle_s(session) == 0.0

    manager.sessions.leave(session)
    manager.clock.advance(30)
    assert manager.sessions.expire() == []
    assert manager.sessions.idle_s(session) == 30.0


def test_a_session_past_its_time_ends_after_its_last_command() -> None:
    manager = Manager(idle_s=60, ttl_s=100)
    session = manager.sessions.enter("s")
    manager.clock.advance(100)
    assert manager.sessions.expire() == []

    manager.sessions.leave(session)

    assert manager.sessions.expire() == ["s"]


def test_a_session_within_its_time_stays() -> None:
    manager = Manager(idle_s=60, ttl_s=100)
    manager.sessions.get_or_create("s")
    manager.clock.advance(59)

    assert manager.sessions.expire() == []


def test_an_id_may_be_used_again_while_its_old_session_is_still_closing() -> None:
    """The instances of the new session used to be closed with those of the old one."""
    manager, closed = Manager(idle_s=60), list[str]()

    class OpensTheNext:
        def close(self) -> None:
            for name in ("a", "b"):
                new = manager.sessions.get_or_create(name)
                new.instances.register(Door(closed, f"new {name}"))

    for name in ("a", "b"):
        old = manager.sessions.get_or_create(name)
        old.instances.register(Door(closed, f"old {name}"))
    manager.sessions.find("a").instances.register(OpensTheNext())
    manager.clock.advance(60)

    assert manager.sessions.expire() == ["a", "b"]

    assert sorted(closed) == ["old a", "old b"]
    assert manager.sessions.instances.count() == 2
    assert manager.ended == ["a", "b"]


async def test_sessions_expire_while_the_sweeping_goes_on() -> None:
    clock, gone = FakeClock(), asyncio.Event()
    loop = asyncio.get_running_loop()
    sessions = SessionManager(
        EmbeddedHost(),
        limits=SessionLimits(idle_s=60),
        clock=clock,
        on_end=[lambda _: loop.call_soon_threadsafe(gone.set)],
    )
    sessions.get_or_create("s")
    clock.advance(60)

    async with asyncio.timeout(5), sessions.sweeping(interval_s=0.001):
        await gone.wait()

    assert len(sessions) == 0


class Lifetimes(RuleBasedStateMachine):
    """Whatever happens in whatever order: what is kept belongs to a session that lives."""

    names = st.sampled_from(["a", "b", "c"])

    def __init__(self) -> None:
        super().__init__()
        self.manager = Manager(idle_s=60, ttl_s=300)
        self.running: list[Session] = []
        self.opened = 0
        self.closed: list[str] = []

    @rule(name=names)
    def enter(self, name: str) -> None:
        self.running.append(self.manager.sessions.enter(name))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def keep(self, data: st.DataObject) -> None:
        session = data.draw(st.sampled_from(self.running))
        try:
            session.instances.register(Door(self.closed))
            self.opened += 1
        except SessionError:
            assert session.id not in self._alive()

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.running) - 1))
        self.manager.sessions.leave(self.running.pop(place))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        self.manager.sessions.close(data.draw(st.sampled_from(self.running)))

    @rule(seconds=st.sampled_from([1, 59, 60, 300]))
    def pass_time(self, seconds: int) -> None:
        self.manager.clock.advance(seconds)
        self.manager.sessions.expire()

    @invariant()
    def open_instances_are_those_of_living_sessions(self) -> None:
        instances = self.manager.sessions.instances
        kept = sum(instances.count(name) for name in self._alive())
        assert kept == instances.count()
        # What a session left behind whose time was over when its id came again waits to be closed.
        assert kept <= self.opened - len(self.closed)
        self.manager.sessions.expire()
        assert instances.count() == self.opened - len(self.closed)

    @invariant()
    def commands_are_counted(self) -> None:
        for name in self._alive():
            state = self.manager.sessions.find(name).state
            assert state.running == sum(each.state is state for each in self.running)

    def _alive(self) -> list[str]:
        return list(_known(self.manager.sessions, ["a", "b", "c"]))


def _known(sessions: SessionManager, names: list[str]) -> Iterator[str]:
    for name in names:
        try:
            yield sessions.find(name).id
        except SessionError:
            continue


TestLifetimes = Lifetimes.TestCase


def test_a_fake_clock_tells_when_the_session_began() -> None:
    manager = Manager()
    manager.clock.advance(5)

    created_at = manager.sessions.get_or_create("s").created_at

    assert created_at == FakeClock().now() + timedelta(seconds=5)
