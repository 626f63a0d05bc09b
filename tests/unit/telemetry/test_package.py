from __future__ import annotations

import pytest

from snakepit_bridge import telemetry

PUBLIC = {
    "CORRELATION_HEADER",
    "correlation_filter",
    "emit",
    "get_backend",
    "get_correlation_id",
    "get_tracer",
    "is_enabled",
    "new_correlation_id",
    "otel_span",
    "outgoing_metadata",
    "reset_correlation_id",
    "set_backend",
    "set_correlation_id",
    "setup_tracing",
    "span",
}


def test_the_public_names_are_those_that_snakepits_adapters_import() -> None:
    assert set(telemetry.__all__) == PUBLIC
    assert set(dir(telemetry)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_resolves_and_stays(name: str) -> None:
    value = getattr(telemetry, name)

    assert vars(telemetry)[name] is value


def test_another_name_is_refused_as_usual() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'spam'"):
        telemetry.spam  # noqa: B018
