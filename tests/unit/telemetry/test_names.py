from __future__ import annotations

from snakepit_bridge.telemetry import names


def test_no_two_names_are_the_same() -> None:
    texts = [value for key, value in vars(names).items() if key.isupper()]

    assert len(texts) == len(set(texts))


def test_the_founding_names_are_kept() -> None:
    assert names.COMMAND_SPAN == "command.execute"
    assert (names.COMMANDS_TOTAL, names.COMMAND_DURATION_MS) == (
        "commands_total",
        "command_duration_ms",
    )
    assert (names.COMMAND, names.STATUS) == ("command", "status")


def test_attributes_of_our_own_stand_in_our_own_namespace() -> None:
    ours = [value for key, value in vars(names).items() if key.startswith("SPAN_")]

    assert ours
    assert [name for name in ours if not name.startswith("snakepit.")] == []
