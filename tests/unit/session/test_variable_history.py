from __future__ import annotations

from datetime import UTC, datetime

from snakepit_bridge.session.variable_history import History
from snakepit_bridge.session.variable_records import Record

AT = datetime(2030, 1, 1, tzinfo=UTC)


def _record(version: int, *, id: str = "var_x_1", size_bytes: int = 1) -> Record:  # noqa: A002
    return Record(
        id=id,
        name=id,
        value=version,
        type="integer",
        declaration=None,
        version=version,
        updated_at=AT,
        size_bytes=size_bytes,
    )


def _versions(history: History, current: Record) -> list[int]:
    return [each.version for each in history.before(current)]


def test_earlier_versions_are_told_from_the_latest_to_the_first() -> None:
    history = History()
    for version in (1, 2, 3):
        history.keep(_record(version))

    assert _versions(history, _record(4)) == [3, 2, 1]
    assert _versions(history, _record(1)) == []


def test_each_variable_has_a_past_of_its_own() -> None:
    history = History()
    history.keep(_record(1, id="a"))
    history.keep(_record(1, id="b"))
    history.keep(_record(2, id="b"))

    assert _versions(history, _record(2, id="a")) == [1]
    assert _versions(history, _record(3, id="b")) == [2, 1]


def test_only_so_many_versions_of_a_variable_are_kept() -> None:
    history = History(max_versions=2)
    history.keep(_record(1, id="other"))
    for version in range(1, 6):
        history.keep(_record(version))

    assert _versions(history, _record(6)) == [5, 4]
    assert _versions(history, _record(2, id="other")) == [1]
    assert history.size_bytes == 3


def test_the_oldest_version_of_all_makes_room_for_the_latest() -> None:
    history = History(max_bytes=10)
    history.keep(_record(1, id="a", size_bytes=4))
    history.keep(_record(1, id="b", size_bytes=4))
    history.keep(_record(2, id="a", size_bytes=4))

    assert _versions(history, _record(3, id="a")) == [2]
    assert _versions(history, _record(2, id="b")) == [1]
    assert history.size_bytes == 8


def test_a_version_too_large_for_the_history_ends_it() -> None:
    history = History(max_bytes=10)
    history.keep(_record(1))
    history.keep(_record(2, size_bytes=11))
    history.keep(_record(3))

    assert _versions(history, _record(4)) == [3]
    assert history.size_bytes == 1


def test_a_forgotten_variable_takes_no_room() -> None:
    history = History()
    for version in (1, 2):
        history.keep(_record(version))
        history.keep(_record(version, id="other"))

    history.forget(_record(3))

    assert _versions(history, _record(3)) == []
    assert _versions(history, _record(3, id="other")) == [2, 1]
    assert history.size_bytes == 2
