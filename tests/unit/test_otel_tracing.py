from __future__ import annotations

from snakepit_bridge import otel_tracing, telemetry


def test_the_module_has_the_names_of_the_telemetry_package() -> None:
    own_name = {"span"}

    for name in set(otel_tracing.__all__) - own_name:
        assert getattr(otel_tracing, name) is getattr(telemetry, name)


def test_a_span_is_one_of_opentelemetry_here() -> None:
    assert otel_tracing.span is telemetry.otel_span
