from __future__ import annotations

from datetime import timedelta

from snakepit_bridge.adapters.variable_cache import VariableCache
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing import FakeClock

X = pb.Variable(id="var_x_1", name="x")


def test_a_variable_is_kept_for_five_seconds_by_name_and_by_id() -> None:
    clock = FakeClock()
    cache = VariableCache(clock)
    cache.keep(X)

    clock.advance(4.9)
    assert cache.find("x") is X
    assert cache.find("var_x_1") is X
    assert cache.find("y") is None

    clock.advance(0.1)
    assert cache.find("x") is None
    assert cache.find("var_x_1") is None


def test_the_time_may_be_another_one_for_all_or_for_one() -> None:
    clock = FakeClock()
    cache = VariableCache(clock)
    cache.lifetime = timedelta(0)
    cache.keep(X)
    assert cache.find("x") is None

    cache.keep(X, timedelta(minutes=1))
    clock.advance(59)

    assert cache.find("x") is X


def test_a_variable_is_forgotten_under_both_names() -> None:
    cache = VariableCache(FakeClock())
    cache.keep(X)

    cache.forget("var_x_1")
    cache.forget("var_x_1")

    assert cache.find("x") is None


def test_all_are_forgotten_at_once() -> None:
    cache = VariableCache()
    cache.keep(X)

    cache.clear()

    assert cache.find("x") is None


def test_a_variable_without_an_id_is_kept_by_its_name() -> None:
    cache = VariableCache()
    cache.keep(pb.Variable(name="x"))

    assert cache.find("x") is not None
    assert cache.find("") is None
