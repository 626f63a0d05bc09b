from __future__ import annotations

import asyncio
import re
import threading
from datetime import UTC, datetime

import pytest

from snakepit_bridge.errors import (
    ErrorCode,
    ForeignRefError,
    InstanceNotFoundError,
    QuotaExceededError,
    SessionError,
)
from snakepit_bridge.session.instances import InstanceManager, Ref, SessionInstances


class Thing:
    pass


class Door:
    def __init__(self, name: str, closed: list[str]) -> None:
        self.name = name
        self._closed = closed

    def close(self) -> None:
        self._closed.append(self.name)


class StuckDoor(Door):
    def __init__(self, error: BaseException, closed: list[str]) -> None:
        super().__init__("stuck", closed)
        self._error = error

    def close(self) -> None:
        raise self._error


def test_refs_name_the_class_and_are_never_the_same() -> None:
    instances = InstanceManager()

    refs = {instances.register("s", Thing()) for _ in range(100)}

    assert len(refs) == 100
    assert all(ref.startswith("thing-") for ref in refs)


def test_an_unknown_ref_says_where_to_look() -> None:
    with pytest.raises(InstanceNotFoundError) as caught:
        InstanceManager().get("s", "thing-0")

    assert caught.value.code is ErrorCode.INSTANCE_NOT_FOUND
    assert caught.value.details["ref"] == "thing-0"
    assert "session.instances" in caught.value.hint


def test_a_ref_of_another_session_is_refused_and_not_found() -> None:
    instances = InstanceManager()
    ref = instances.register("theirs", Thing())

    with pytest.raises(ForeignRefError) as of_get:
        instances.get("mine", ref)
    with pytest.raises(ForeignRefError) as of_release:
        instances.release("mine", ref)

    assert of_get.value.code is of_release.value.code is ErrorCode.FOREIGN_REF
    assert instances.count("theirs") == 1


def test_a_released_instance_is_closed_once() -> None:
    closed: list[str] = []
    instances = InstanceManager()
    ref = instances.register("s", Door("front", closed))

    assert instances.release("s", ref) is True
    assert instances.release("s", ref) is False

    assert closed == ["front"]
    with pytest.raises(InstanceNotFoundError):
        instances.get("s", ref)


def test_the_instances_of_a_session_are_closed_the_newest_first() -> None:
    closed: list[str] = []
    instances = InstanceManager()
    instances.register("other", Door("kept", closed))
    for name in ("first", "second", "third"):
        instances.register("s", Door(name, closed))

    assert instances.release_all("s") == 3

    assert closed == ["third", "second", "first"]
    assert instances.count() == instances.count("other") == 1


@pytest.mark.parametrize("error", [OSError("jammed"), SystemExit(3)])
def test_an_instance_that_fails_to_close_does_not_keep_the_others_open(
    caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    closed: list[str] = []
    instances = InstanceManager()
    instances.register("s", Door("first", closed))
    stuck = instances.register("s", StuckDoor(error, closed))

    assert instances.release_all("s") == 2

    assert closed == ["first"]
    assert stuck in caplog.text


def test_an_instance_of_which_close_is_no_method_is_left_alone() -> None:
    class Drawn:
        close = "near"

    instances = InstanceManager()
    ref = instances.register("s", Drawn())

    assert instances.release("s", ref) is True


def test_a_full_session_keeps_no_more() -> None:
    instances = InstanceManager(limit=1)
    instances.register("s", Thing())

    with pytest.raises(QuotaExceededError) as caught:
        instances.register("s", Thing())

    assert caught.value.details["limit"] == 1
    assert "--max-instances" in caught.value.hint
    assert instances.register("other", Thing())


def test_instances_are_told_of_without_being_touched() -> None:
    class Shy:
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(name)

    born = datetime(2030, 1, 1, tzinfo=UTC)
    instances = InstanceManager(now=lambda: born)
    ref = instances.register("s", Shy())

    (told,) = instances.listed("s")

    assert told.ref == ref
    assert told.type.endswith(".Shy")
    assert told.created_at == born
    assert instances.listed("other") == []


def test_a_session_that_ends_while_it_is_asked_keeps_nothing() -> None:
    """What was admitted just before the end used to be kept for ever."""
    closed: list[str] = []
    ending = threading.Thread(target=lambda: instances.release_all("s"))
    instances = InstanceManager(admit=lambda _: ending.start())

    instances.register("s", Door("late", closed))
    ending.join(timeout=5)

    assert closed == ["late"]
    assert instances.count() == 0


def test_a_session_that_is_not_admitted_keeps_nothing() -> None:
    def admit(session_id: str) -> None:
        raise SessionError(session_id)

    instances = InstanceManager(admit=admit)

    with pytest.raises(SessionError):
        instances.register("s", Thing())
    assert instances.count() == 0


def test_the_view_of_a_session_sees_its_own_instances() -> None:
    manager = InstanceManager()
    mine, theirs = SessionInstances(manager, "mine"), SessionInstances(manager, "theirs")
    thing = Thing()

    ref = mine.register(thing)

    assert mine.get(ref) is thing
    assert (len(mine), len(theirs)) == (1, 0)
    assert [each.ref for each in mine.listed()] == [ref]
    with pytest.raises(ForeignRefError):
        theirs.get(ref)
    assert mine.release(ref) is True
    assert mine.release(Ref("gone")) is False


def test_whatever_a_close_raises_the_others_are_closed_all_the_same() -> None:
    """A cancellation out of ``close()`` once left the older ones open and ended the sweeper."""
    closed: list[str] = []

    class Fine:
        def close(self) -> None:
            closed.append("fine")

    class Cancelled:
        def close(self) -> None:
            raise asyncio.CancelledError

    instances = InstanceManager()
    instances.register("s", Fine())
    instances.register("s", Cancelled())

    assert instances.release_all("s") == 2
    assert closed == ["fine"]


def test_what_was_only_lent_is_not_closed() -> None:
    """A handler's own connection, in an answer, once ended for everybody with one session."""
    closed: list[str] = []
    instances = InstanceManager()
    released = instances.register("s", Door("released", closed), lent=True)
    instances.register("s", Door("left", closed), lent=True)
    instances.register("s", Door("ours", closed))

    assert instances.release("s", released)
    assert instances.release_all("s") == 2
    assert closed == ["ours"]


def test_a_registration_that_is_taken_back_leaves_the_object_alone() -> None:
    closed: list[str] = []
    instances = InstanceManager()
    view = SessionInstances(instances, "s")
    ref = view.register(Door("a", closed))

    view.forget(ref)
    view.forget(ref)

    assert closed == []
    assert instances.count() == 0
    with pytest.raises(InstanceNotFoundError):
        view.get(ref)


def test_a_ref_tells_the_class_and_the_session() -> None:
    ref = InstanceManager().register("s", Thing())

    assert ref.type_name == f"{__name__}.Thing"
    assert ref.session_id == "s"


@pytest.mark.parametrize(
    ("name", "word"), [("Box[int]", "box_int"), ("Größe", "gr_e"), ("数", "object"), ("_A", "a")]
)
def test_a_ref_is_plain_letters_whatever_the_class_is_called(name: str, word: str) -> None:
    """One of a generic class was once taken for a text, and arrived as one."""
    ref = InstanceManager().register("s", type(name, (), {})())

    assert ref.startswith(f"{word}-")
    assert re.fullmatch(r"[a-z0-9_]+-[0-9a-f]{16}", ref)
