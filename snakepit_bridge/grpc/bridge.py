"""Opens ``snakepit.bridge.BridgeService`` for a command handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.grpc.bridge_codec import DEFAULT_ENCODING
from snakepit_bridge.grpc.bridge_service import BridgeService
from snakepit_bridge.grpc.bridge_sessions import LocalSessions
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.values.choice import message_pack, tagged
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.snakepit.chunk import SnakepitChunks
from snakepit_bridge.values.snakepit.encodings import SnakepitEncodedChunks, SnakepitEncoding
from snakepit_bridge.values.snakepit.snakepit_json import SnakepitJson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snakepit_bridge.grpc.bridge_service import SessionKeeper
    from snakepit_bridge.telemetry.stream import TelemetryStream
    from snakepit_bridge.transport.dispatcher import Dispatcher
    from snakepit_bridge.values.encoding import Encoding

BRIDGE_SERVICE = pb.DESCRIPTOR.services_by_name["BridgeService"].full_name


class Bridge(msgspec.Struct, frozen=True, kw_only=True):
    """How Snakepit's own service answers."""

    keeper: SessionKeeper | None = None
    """Answers for sessions; those of the command handler by default."""

    telemetry_stream: TelemetryStream | None = None
    """What ``StreamTelemetry`` sends; none makes that UNIMPLEMENTED."""

    fallback: Fallback = Fallback()
    """What stands for objects JSON does not know."""

    upstream: bool = False
    """Whether results have the shapes of Snakepit's own Python side."""


def bridge_service(dispatcher: Dispatcher, bridge: Bridge) -> BridgeService:
    """The service, not yet part of a server.

    Where the bridge is its own host, it serves the tools and variables of that, too.

    Args:
        dispatcher: Runs the commands; the service reads and writes values in its own way.
        bridge: How the service answers.
    """
    own = dispatcher.with_codecs(values=_values(bridge), items=_items(bridge))
    sessions = dispatcher.handler.sessions
    keeper = bridge.keeper or LocalSessions(sessions)
    stream, host = bridge.telemetry_stream, sessions.host
    if not isinstance(host, EmbeddedHost):
        return BridgeService(own, keeper, telemetry_stream=stream)
    # Here, because a worker, whose host is Elixir, has to start soon.
    from snakepit_bridge.grpc.bridge_host import HostBridgeService  # noqa: PLC0415

    return HostBridgeService(own, keeper, host, telemetry_stream=stream)


def _values(bridge: Bridge) -> Mapping[str, Encoding]:
    return {
        DEFAULT_ENCODING: SnakepitJson(bridge.fallback, upstream=bridge.upstream),
        "tagged": SnakepitEncoding(tagged(bridge.fallback)),
        "msgpack": SnakepitEncoding(message_pack(bridge.fallback)),
    }


def _items(bridge: Bridge) -> Mapping[str, Encoding]:
    return {
        DEFAULT_ENCODING: SnakepitChunks(bridge.fallback, upstream=bridge.upstream),
        "tagged": SnakepitEncodedChunks(tagged(bridge.fallback)),
        "msgpack": SnakepitEncodedChunks(message_pack(bridge.fallback)),
    }
