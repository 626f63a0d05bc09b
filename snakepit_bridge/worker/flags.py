"""The worker's command line: the flags of both of Snakepit's scripts, besides our settings."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from snakepit_bridge.settings import all_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FIXED_SETTINGS = frozenset(
    {
        *("host", "port", "uds", "token_file", "tls_cert", "tls_key", "tls_client_ca"),
        *("ready_file", "host_address", "log_level"),
    }
)
"""Settings that Snakepit decides for its workers; they are no flags here."""


class Flags(msgspec.Struct, kw_only=True):
    """What the command line says; what is empty, or ``None``, it does not say."""

    help: bool = False
    port: int = 0
    adapter: str = ""
    elixir_address: str = ""
    script: str = ""
    """The script that was asked for, where a launcher put ours in its place."""

    max_workers: int | None = None
    thread_safety_check: bool = False
    health_check: bool = False
    gil_timeout_s: float | None = None

    heartbeat: dict[str, Any] = msgspec.field(default_factory=dict)
    """Options of heartbeats by their names in Snakepit's configuration."""

    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    """Settings of ours by name: text, a tuple of text, or true and false."""

    ignored: list[str] = msgspec.field(default_factory=list)
    """Unknown flags without their values, which may be secrets."""

    problems: list[str] = msgspec.field(default_factory=list)
    """What is wrong, a sentence each."""


class Flag(NamedTuple):
    """One flag: what it sets, what its value may be."""

    field: str
    """In ``Flags``; after a dot in a dictionary there. Empty where nothing is set."""

    meaning: str = ""
    placeholder: str = ""
    read: Callable[[str], Any] | None = None
    """What a value becomes, or ``ValueError``; ``None`` for a flag without value."""

    constant: bool = True
    """What a flag without value says."""


def parse(args: Iterable[str]) -> Flags:
    """Read a command line; of a flag that is given twice, the last one counts.

    Unknown flags are collected, not refused: Snakepit hands on whatever somebody configured.
    """
    flags = Flags()
    words = deque(args)
    while words:
        name, equals, value = words.popleft().partition("=")
        flag = KNOWN.get(name) or _setting(name)
        if flag is None:
            flags.ignored.append(name if name.startswith("-") else "a value without a flag")
        elif flag.read is None:
            _store(flags, flag.field, flag.constant)
        elif equals or (words and not words[0].startswith("--")):
            try:
                _store(flags, flag.field, flag.read(value if equals else words.popleft()))
            except ValueError as error:
                flags.problems.append(f"{name} {error}.")
        else:
            flags.problems.append(f"{name} needs a value: {name} {flag.placeholder}.")
    return flags


def usage() -> str:
    """What the worker's flags mean, for people."""
    lines = [f"  {f'{name} {flag.placeholder}':<35} {flag.meaning}" for name, flag in KNOWN.items()]
    return "\n".join(
        [
            "Usage: snakepit-bridge worker --adapter MODULE.CLASS --elixir-address HOST:PORT",
            "",
            "Snakepit's worker process; the library starts it, people seldom do.",
            "",
            *lines,
            "",
            "Settings of 'snakepit-bridge serve' that concern the bridge are flags here, too.",
            "Unknown flags are logged, and ignored.",
            "",
        ]
    )


def _store(flags: Flags, field: str, value: Any) -> None:
    group, _, key = field.rpartition(".")
    if group:
        values: dict[str, Any] = getattr(flags, group)
        values[key] = (*values.get(key, ()), *value) if isinstance(value, tuple) else value
    elif key:
        setattr(flags, key, value)


def _setting(name: str) -> Flag | None:
    for setting in all_settings().values():
        if setting.name in FIXED_SETTINGS or not name.startswith("--"):
            continue
        field = f"settings.{setting.name}"
        if setting.is_switch and name in {setting.flag, f"--no-{setting.flag[2:]}"}:
            return Flag(field, constant=name == setting.flag)
        if setting.flag == name:
            read = _one_of_many if setting.is_list else str
            return Flag(field, placeholder=setting.placeholder, read=read)
    return None


def _one_of_many(text: str) -> tuple[str, ...]:
    return (text,)


def whole_number(least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """Reads a whole number within these bounds."""
    bounds = f", {least} or more" if most is None else f" from {least} to {most}"
    expected = f"a whole number{'' if least is None else bounds}"

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise _unexpected(text, expected) from None
        if (least is not None and number < least) or (most is not None and number > most):
            raise _unexpected(text, expected)
        return number

    return read


def seconds(text: str) -> float:
    """Read a number of seconds, 0 included.

    Raises:
        ValueError: It is something else.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        expected = "a number of seconds, 0 or more"
        raise _unexpected(text, expected)
    return number


def host_and_port(text: str) -> str:
    """Read where somebody listens.

    Raises:
        ValueError: There is no port.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        expected = "HOST:PORT, e.g. 127.0.0.1:50051"
        raise _unexpected(text, expected)
    return text


def _unexpected(text: str, expected: str) -> ValueError:
    return ValueError(f"is {text!r}; expected {expected}")


KNOWN = {
    "--adapter": Flag("adapter", "Class whose tools are served.", "MODULE.CLASS", str),
    "--elixir-address": Flag(
        "elixir_address", "Where Snakepit's own server listens.", "HOST:PORT", host_and_port
    ),
    "--port": Flag("port", "TCP port; 0 takes a free one.", "N", whole_number(0, 2**16 - 1)),
    "--max-workers": Flag(
        "max_workers", "Thread profile: threads for tools.", "N", whole_number(1)
    ),
    "--thread-safety-check": Flag(
        "thread_safety_check", "Thread profile: watch for methods that threads share."
    ),
    "--heartbeat-enabled": Flag("heartbeat.enabled", "Send heartbeats; so it is by default."),
    "--heartbeat-interval-ms": Flag(
        "heartbeat.interval_ms", "Pause between heartbeats.", "N", whole_number()
    ),
    "--heartbeat-timeout-ms": Flag(
        "heartbeat.timeout_ms", "Time for the answer to one.", "N", whole_number()
    ),
    "--heartbeat-max-missed": Flag(
        "heartbeat.max_missed_heartbeats",
        "Unanswered ones in a row until the end.",
        "N",
        whole_number(),
    ),
    "--heartbeat-initial-delay-ms": Flag(
        "heartbeat.initial_delay_ms", "Pause before the first one.", "N", whole_number()
    ),
    "--heartbeat-dependent": Flag("heartbeat.dependent", "End when Elixir no longer answers."),
    "--heartbeat-independent": Flag(
        "heartbeat.dependent", "Live on when Elixir no longer answers.", constant=False
    ),
    "--gil-timeout-s": Flag(
        "gil_timeout_s",
        "End when native code holds the interpreter so long; 0 is never.",
        "SECONDS",
        seconds,
    ),
    "--health-check": Flag("health_check", "Only see whether the adapter can be served."),
    "--snakepit-run-id": Flag("", "Mark by which Snakepit finds its processes.", "ID", str),
    "--run-id": Flag("", "The same, as older releases write it.", "ID", str),
    "--snakepit-instance-name": Flag("", "Mark of the Elixir node.", "NAME", str),
    "--snakepit-instance-token": Flag("", "Mark of the Elixir node.", "TOKEN", str),
    "--snakepit-script": Flag("script", "Script that this one stands for.", "PATH", str),
    "--mode": Flag("", "Means nothing; guides of Snakepit show it.", "WORD", str),
    "-h": Flag("help", "Show this."),
    "--help": Flag("help", "The same."),
}
"""Snakepit's flags, besides a few of ours."""
