from __future__ import annotations

import pytest

from snakepit_bridge.testing.elixir.sessions import SessionFault, Sessions


def test_a_session_is_begun_once() -> None:
    sessions = Sessions(seconds=lambda: 10.5)
    sessions.begin("s", {"first": "yes"})
    sessions.begin("s", {"first": "no"})

    found = sessions.find("s")

    assert found is not None
    assert (found.id, found.metadata) == ("s", {"first": "yes"})
    assert found.created_at_s == -576_460_742
    assert ("s" in sessions, len(sessions)) == (True, 1)


def test_a_session_without_an_id_is_refused() -> None:
    with pytest.raises(SessionFault, match=r"^invalid_id$"):
        Sessions().begin("", {})


def test_at_the_quota_not_even_a_known_session_is_begun() -> None:
    sessions = Sessions(quota=1)
    sessions.begin("s", {})

    for session_id in ("s", "t"):
        with pytest.raises(SessionFault, match=r"^session_quota_exceeded$"):
            sessions.begin(session_id, {})


def test_a_session_is_forgotten_whether_there_was_one_or_not() -> None:
    sessions = Sessions()
    sessions.begin("s", {})

    sessions.forget("s")
    sessions.forget("s")

    assert sessions.find("s") is None
