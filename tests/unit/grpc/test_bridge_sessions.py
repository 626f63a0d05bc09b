from __future__ import annotations

import threading
from datetime import UTC

import pytest

from snakepit_bridge.errors import SessionError
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.bridge_sessions import LocalSessions
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.limits import SessionLimits
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.testing.fakes import FakeClock


def manager(limit: int = 10) -> SessionManager:
    return SessionManager(EmbeddedHost(), limits=SessionLimits(sessions=limit), clock=FakeClock())


async def test_beginning_opens_a_session_or_finds_it_open() -> None:
    sessions = manager()
    request = pb.InitializeSessionRequest(session_id="s")

    for _ in range(2):
        assert (await LocalSessions(sessions).begin(request)).success

    assert len(sessions) == 1


@pytest.mark.defect("D48")
@pytest.mark.parametrize(("session_id", "reason"), [("", "not possible"), ("t", "1 sessions")])
async def test_a_session_that_cannot_begin_says_why(session_id: str, reason: str) -> None:
    sessions = manager(limit=1)
    sessions.get_or_create("s")
    request = pb.InitializeSessionRequest(session_id=session_id)

    response = await LocalSessions(sessions).begin(request)

    assert not response.success
    assert reason in response.error_message


async def test_ending_closes_what_the_session_holds_where_it_may_block() -> None:
    sessions = manager()
    sessions.get_or_create("s")
    threads: list[threading.Thread] = []

    class Instance:
        def close(self) -> None:
            threads.append(threading.current_thread())

    sessions.instances.register("s", Instance())

    response = await LocalSessions(sessions).end(pb.CleanupSessionRequest(session_id="s"))

    assert (response.success, response.resources_cleaned) == (True, 1)
    assert len(sessions) == 0
    assert threads
    assert threads[0] is not threading.current_thread()


async def test_ending_what_is_not_there_changes_nothing() -> None:
    response = await LocalSessions(manager()).end(pb.CleanupSessionRequest(session_id="s"))

    assert (response.success, response.resources_cleaned) == (True, 0)


async def test_a_session_tells_when_it_began() -> None:
    sessions = manager()
    opened = sessions.get_or_create("s")

    response = await LocalSessions(sessions).describe(pb.GetSessionRequest(session_id="s"))

    assert response.session_id == "s"
    assert response.created_at.ToDatetime(UTC) == opened.created_at


async def test_there_is_nothing_to_tell_of_a_session_that_is_none() -> None:
    with pytest.raises(SessionError):
        await LocalSessions(manager()).describe(pb.GetSessionRequest(session_id="s"))


async def test_a_heartbeat_tells_whether_the_session_is_open_and_opens_none() -> None:
    sessions = manager()
    sessions.get_or_create("s")
    keeper = LocalSessions(sessions)

    known = await keeper.beat(pb.HeartbeatRequest(session_id="s"))
    unknown = await keeper.beat(pb.HeartbeatRequest(session_id="t"))

    assert known.session_valid
    assert not unknown.session_valid
    assert known.server_time.seconds > 0
    assert len(sessions) == 1


async def test_a_heartbeat_keeps_its_session_from_idling_out() -> None:
    """It once told of the session and let it end."""
    clock = FakeClock()
    sessions = SessionManager(EmbeddedHost(), limits=SessionLimits(idle_s=10), clock=clock)
    for session_id in ("s", "t"):
        sessions.get_or_create(session_id)

    clock.advance(6)
    await LocalSessions(sessions).beat(pb.HeartbeatRequest(session_id="s"))
    clock.advance(6)

    assert sessions.expire() == ["t"]


async def test_a_command_needs_no_word_beforehand() -> None:
    sessions = manager()

    LocalSessions(sessions).seen("s")

    assert len(sessions) == 0
