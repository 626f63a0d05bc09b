from __future__ import annotations

import pytest

from snakepit_bridge.errors import ErrorCode, SessionError
from snakepit_bridge.session.context import Session
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.session.manager import SessionManager
from snakepit_bridge.transport.luggage import Luggage
from snakepit_bridge.transport.options import Options
from snakepit_bridge.values.blob import Blob

BLOB = Blob(kind="bytes", data=b"abc")


class Thing:
    closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def session() -> Session:
    return SessionManager(EmbeddedHost()).get_or_create("s")


def test_blobs_are_numbered_in_their_order(session: Session) -> None:
    luggage = Luggage(Options(binary=True), session)

    assert [luggage.put(BLOB), luggage.put(BLOB)] == [0, 1]
    assert luggage.blobs == [BLOB, BLOB]


def test_blobs_are_not_taken_where_nobody_wants_them(session: Session) -> None:
    luggage = Luggage(Options(), session)

    assert luggage.put(BLOB) is None
    assert not luggage.wants_binary
    assert luggage.blobs == []


def test_a_kept_object_is_found_under_its_ref(session: Session) -> None:
    thing = Thing()
    ref = Luggage(Options(refs=True), session).keep(thing)

    assert ref is not None
    assert session.instances.get(ref) is thing
    assert ref.type_name == f"{__name__}.Thing"
    assert ref.session_id == "s"


def test_what_is_given_up_is_forgotten_but_not_closed(session: Session) -> None:
    """The object is the handler's still: it was never handed out."""
    thing = Thing()
    luggage = Luggage(Options(refs=True), session)
    luggage.keep(thing)

    luggage.give_up()
    luggage.give_up()

    assert len(session.instances) == 0
    assert not thing.closed


def test_a_session_that_ends_with_its_command_keeps_nothing() -> None:
    session = SessionManager(EmbeddedHost()).enter("")

    with pytest.raises(SessionError, match="Thing") as caught:
        Luggage(Options(refs=True), session).keep(Thing())

    assert caught.value.code is ErrorCode.WRONG_CALL
    assert "session_id" in caught.value.hint
    assert "'refs': 'off'" in caught.value.hint
