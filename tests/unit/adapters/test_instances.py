from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from snakepit_bridge.adapters.instances import Instances


def test_calls_with_an_object_of_their_own_share_none() -> None:
    instances = Instances("request")

    assert instances.hold("s") is None
    assert instances.at_end_of("s") is None
    assert instances.retire_all() == []


@pytest.mark.defect("D26")
def test_the_calls_of_a_session_share_an_object() -> None:
    instances = Instances("session")

    first, second, other = (instances.hold(session) for session in ("s", "s", "t"))

    assert first is second
    assert first is not None
    assert first.users == 2
    assert other is not first


@pytest.mark.defect("D26")
def test_all_calls_of_a_process_share_an_object() -> None:
    instances = Instances("process")

    assert instances.hold("s") is instances.hold("t")


def test_calls_that_come_together_get_the_same_object() -> None:
    instances, all_here = Instances("process"), threading.Barrier(8)

    def hold() -> object:
        all_here.wait(5)
        return instances.hold("s")

    with ThreadPoolExecutor(8) as pool:
        held = list(pool.map(lambda _: hold(), range(8)))

    assert len(set(held)) == 1


@pytest.mark.defect("D38")
def test_an_object_is_cleaned_up_once_after_the_last_call_has_let_go_of_it() -> None:
    instances = Instances("session")
    shared = instances.hold("s")
    assert shared is not None
    assert instances.hold("s") is shared
    assert not instances.release(shared)

    assert instances.at_end_of("s") is shared

    assert not instances.release(shared)
    assert instances.release(shared)


def test_a_session_that_begins_anew_gets_another_object() -> None:
    instances = Instances("session")
    old = instances.hold("s")

    instances.at_end_of("s")

    assert instances.hold("s") is not old


def test_the_object_of_the_process_outlives_every_session() -> None:
    instances = Instances("process")
    shared = instances.hold("s")
    assert shared is not None
    assert not instances.release(shared)

    assert instances.at_end_of("s") is shared

    assert not instances.release(shared)
    assert instances.hold("t") is shared


def test_at_last_all_objects_are_taken_the_newest_first() -> None:
    instances = Instances("session")
    held = [instances.hold(session) for session in ("one", "two", "three")]
    for shared in held:
        assert shared is not None
        assert not instances.release(shared)

    taken = instances.retire_all()

    assert taken == held[::-1]
    assert [instances.release(shared) for shared in taken] == [True, True, True]
    assert instances.retire_all() == []
