"""``snakepit-bridge doctor``: what works here, what does not, what to do about it."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from snakepit_bridge.cli import findings
from snakepit_bridge.cli.announcement import protection
from snakepit_bridge.cli.findings import Finding
from snakepit_bridge.cli.options import BRIDGE, EPILOG, LISTEN, settings_options
from snakepit_bridge.cli.outcome import ExitCode, StopError, write_json
from snakepit_bridge.cli.serve import listen_from
from snakepit_bridge.cli.trial import trial
from snakepit_bridge.settings import Settings, SettingsError, all_settings, environment
from snakepit_bridge.telemetry.log_format import logging_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@click.command(epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print for programs.")
@settings_options(*LISTEN, *BRIDGE)
def doctor(*, as_json: bool, **flags: Any) -> int:
    """Say what works here, what does not, and what to do about it.

    Looks at the interpreter, the packages, the handlers and the settings, and really serves once.
    Give it the options of the server you want to start. Exits with 1 when something needed is
    broken.
    """
    settings, found = _settings(flags)
    with logging_to(sys.stderr, level="critical"):
        found += _all(settings)
    is_broken = any(each.verdict == "broken" for each in found)
    if as_json:
        write_json(
            {
                "ok": not is_broken,
                "findings": [msgspec.to_builtins(each) for each in found],
                "settings": in_force(settings),
            }
        )
    else:
        _write(settings, found)
    return ExitCode.FAILED if is_broken else ExitCode.DONE


def in_force(settings: Settings) -> dict[str, dict[str, str]]:
    """Every setting as text, with where it comes from; what may be a secret is masked."""
    return {
        name: {
            "value": _shown(getattr(settings, name)),
            "source": settings.origins.get(name, "default"),
        }
        for name in all_settings()
    }


def _settings(flags: Mapping[str, Any]) -> tuple[Settings, list[Finding]]:
    """The settings, or the defaults where they cannot be used, and what is to be said of them."""
    try:
        settings = Settings.load(flags)
    except SettingsError as error:
        return Settings(), [
            Finding(
                subject="setting", verdict="broken", text=problem, next_step="Correct or remove it."
            )
            for problem in error.problems
        ]
    return settings, [
        Finding(subject="setting", verdict="note", text=warning, next_step="Remove or rename it.")
        for warning in settings.warnings
    ]


def _all(settings: Settings) -> Iterator[Finding]:
    yield findings.interpreter(environment())
    yield findings.package(environment())
    yield from findings.dependencies()
    yield findings.dspy()
    yield findings.telemetry(settings)
    yield from findings.handlers(settings)
    yield from findings.blob_dir(settings)
    yield findings.worker()
    yield _listening(settings)
    yield asyncio.run(trial(settings))


def _listening(settings: Settings) -> Finding:
    try:
        listen = listen_from(settings)
    except StopError as error:
        return Finding(
            subject="listening",
            verdict="broken",
            text=str(error),
            next_step="The server does not start like this; correct these settings.",
        )
    return Finding(
        subject="listening", verdict="ok", text=f"would be {protection(listen)} at {listen.target}"
    )


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(_without_password(str(each)) for each in value)
    return "" if value is None else _without_password(str(value))


def _without_password(text: str) -> str:
    """The text; of a URL, without user and password."""
    return re.sub(r"(?<=://)[^/@]*@", "***@", text)


def _write(settings: Settings, found: list[Finding]) -> None:
    for each in found:
        verdict = each.verdict.upper() if each.verdict == "broken" else each.verdict
        click.echo(f"{verdict:<7}{each.subject}: {each.text}")
        if each.next_step:
            click.echo(f"       -> {each.next_step}")
    click.echo("\nSettings that are not at their defaults:")
    given = {name: told for name, told in in_force(settings).items() if name in settings.origins}
    for name, told in given.items():
        click.echo(f"  {name} = {told['value']}  ({told['source']})")
    if not given:
        click.echo("  none")
