from __future__ import annotations

from typing import NoReturn

import pytest

from snakepit_bridge.values.detail import Detail, detail_of, type_name_of


class Client:
    def __repr__(self) -> str:
        return "Client(url='http://x', token='abc')"


class Silent:
    def __repr__(self) -> NoReturn:
        raise NotImplementedError


class Halved:
    def __repr__(self) -> str:
        return "half: \ud800"


def test_a_type_is_named_with_its_module() -> None:
    assert type_name_of({1}) == "builtins.set"
    assert type_name_of(Client()) == f"{__name__}.Client"


def test_nothing_is_told_without_asking_for_the_repr() -> None:
    assert detail_of(Silent(), Detail.NONE, 500) is None


def test_the_type_is_told_without_asking_for_the_repr() -> None:
    assert detail_of(Silent(), Detail.TYPE, 500) == f"<unserializable {__name__}.Silent>"


@pytest.mark.parametrize(
    ("max_length", "shown"),
    [(500, "Client(url='http://x', token='abc')"), (10, "Client(url"), (0, "")],
)
def test_the_repr_is_told_up_to_its_longest(max_length: int, shown: str) -> None:
    assert detail_of(Client(), Detail.REPR, max_length) == shown


def test_secrets_are_taken_out_before_the_repr_is_cut() -> None:
    """A secret cut in half first would no longer look like one."""
    shown = detail_of(Client(), Detail.REDACTED_REPR, 33)

    assert shown == "Client(url='http://x', token='<RE"


@pytest.mark.parametrize("detail", [Detail.REPR, Detail.REDACTED_REPR])
def test_a_repr_that_fails_is_replaced(detail: Detail) -> None:
    assert detail_of(Silent(), detail, 500) == f"<repr failed for {__name__}.Silent>"


def test_a_repr_that_utf8_cannot_express_is_made_to_fit() -> None:
    assert detail_of(Halved(), Detail.REPR, 500) == r"half: \ud800"
