from __future__ import annotations

from snakepit_bridge.values.message_pack import codes


def test_every_code_has_its_own_number_and_a_name() -> None:
    numbers = [
        value
        for name, value in vars(codes).items()
        if name.isupper() and type(value) is int and name not in {"MAX_ITEMS", "TIMESTAMP"}
    ]

    assert sorted(numbers) == list(range(1, 20))
    assert sorted(codes.NAMES) == sorted(numbers)
    assert len(set(codes.NAMES.values())) == len(numbers)


def test_what_may_hold_any_value_holds_a_message() -> None:
    assert codes.NESTING < codes.MESSAGES < codes.NAMES.keys()
