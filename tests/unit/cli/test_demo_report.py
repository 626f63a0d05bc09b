from __future__ import annotations

from snakepit_bridge.cli.demo_report import totals, tree
from snakepit_bridge.errors import CommandNotFoundError
from snakepit_bridge.telemetry import names
from snakepit_bridge.telemetry.export import in_memory


def shapes(lines: list[str]) -> list[str]:
    """The lines without their timings."""
    return [" ".join(line.replace(" ms", "").rsplit(maxsplit=1)[:1]) for line in lines]


def test_spans_are_drawn_below_the_one_they_are_part_of() -> None:
    with in_memory() as collected:
        with collected.telemetry.span("root"):
            with collected.telemetry.span("first"), collected.telemetry.span("of it"):
                pass
            with collected.telemetry.span("second"), collected.telemetry.span("of the last"):
                pass
        lines = tree(collected.spans())

    assert shapes(lines) == [
        "root",
        "├─ first",
        "│  └─ of it",
        "└─ second",
        "   └─ of the last",
    ]
    assert all(line.endswith(" ms") for line in lines)


def test_a_command_is_named_and_so_is_its_failure() -> None:
    with in_memory() as collected:
        collected.telemetry.command("greet.sya", "s", {}).failed(CommandNotFoundError("no"))
        with collected.telemetry.span(names.HANDLER_SPAN, handler="Greeter"):
            pass
        failed, handler = tree(collected.spans())

    assert failed.startswith("command.execute greet.sya ")
    assert failed.endswith(" ms  COMMAND_NOT_FOUND")
    assert handler.startswith("handler.execute Greeter ")


def test_a_span_whose_parent_is_elsewhere_is_a_root() -> None:
    headers = {"traceparent": f"00-{1:032x}-{2:016x}-01"}

    with in_memory() as collected:
        collected.telemetry.command("greet.say", "s", headers).succeeded()
        (line,) = tree(collected.spans())

    assert line.startswith("command.execute greet.say")


def test_counters_are_told_by_command_and_outcome() -> None:
    with in_memory() as collected:
        collected.telemetry.count("greet.say", "success", 1.0)
        collected.telemetry.count("greet.say", "success", 1.0)
        collected.telemetry.count("greet.fail", "error", 1.0)
        lines = totals(collected.counts())

    assert [line.split() for line in lines] == [
        ["commands_total", "greet.fail", "error", "1"],
        ["commands_total", "greet.say", "success", "2"],
    ]
