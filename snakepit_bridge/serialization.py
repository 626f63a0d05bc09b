"""Where Snakepit's users import the serializer from; it heeds the environment of its import."""

from __future__ import annotations

from typing import Any

from snakepit_bridge.adapters.serialization import TypeSerializer as _TypeSerializer
from snakepit_bridge.adapters.serialization_binary import BINARY_THRESHOLD
from snakepit_bridge.adapters.serialization_json import GracefulJSONEncoder as _GracefulJSONEncoder
from snakepit_bridge.adapters.serialization_news import MAX_TYPES, MarkerNews
from snakepit_bridge.settings import environment
from snakepit_bridge.telemetry import emit
from snakepit_bridge.values.detail import detail_of
from snakepit_bridge.values.fallback import REPR_KEY, TYPE_KEY, UNSERIALIZABLE_KEY, fallback_from
from snakepit_bridge.values.json.natural_forms import simpler_form
from snakepit_bridge.values.redaction import redacted
from snakepit_bridge.values.snakepit.zero_copy import ZeroCopyRef

__all__ = [
    "BINARY_THRESHOLD",
    "REPR_KEY",
    "TYPE_KEY",
    "UNSERIALIZABLE_KEY",
    "GracefulJSONEncoder",
    "TypeSerializer",
    "ZeroCopyRef",
    "tell_of_marker",
]

_news = MarkerNews(emit)

# By these names Snakepit's own tests look at what follows from the environment; that is why they
# are attributes of this module, which may be imported again under another environment.
_emitted_marker_types = _news.types
_EMITTED_MARKER_TYPES_MAX = MAX_TYPES


def tell_of_marker(type_name: str) -> None:
    """Tell telemetry of a type that got the marker, once per process and type; never raises."""
    _news.tell(type_name, max_types=_EMITTED_MARKER_TYPES_MAX)


_FALLBACK = fallback_from(environment(), on_marker=tell_of_marker)
_MAXLEN = _FALLBACK.repr_max_length
_redact_secrets = redacted
_unserializable_marker = _FALLBACK.marker


class TypeSerializer(_TypeSerializer):
    """Encodes, decodes and checks values of a named type, by the rules of this environment."""

    fallback = _FALLBACK


class GracefulJSONEncoder(_GracefulJSONEncoder):
    """For ``json.dumps(value, cls=GracefulJSONEncoder)``, by the rules of this environment."""

    fallback = _FALLBACK


def _orjson_default(value: Any) -> Any:
    """For ``orjson.dumps(value, default=...)``: a simpler form of an object, or the marker."""
    return simpler_form(value, _FALLBACK)


def _unserializable_detail(value: object) -> str | None:
    """What the marker of an object tells beside its type."""
    return detail_of(value, _FALLBACK.detail, _FALLBACK.repr_max_length)
