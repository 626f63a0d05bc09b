"""``BridgeService`` of a bridge that is its own host, with what it hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakepit_bridge.grpc.bridge_hosting import HostingRpcs
from snakepit_bridge.grpc.bridge_service import BridgeService

if TYPE_CHECKING:
    from snakepit_bridge.grpc.bridge_service import SessionKeeper
    from snakepit_bridge.session.embedded_host import EmbeddedHost
    from snakepit_bridge.telemetry.stream import TelemetryStream
    from snakepit_bridge.transport.dispatcher import Dispatcher


class HostBridgeService(HostingRpcs, BridgeService):
    """Every RPC of the service.

    Args:
        dispatcher: Runs the commands.
        keeper: Answers for sessions.
        host: Has the tools and variables.
        telemetry_stream: What ``StreamTelemetry`` sends; none makes that UNIMPLEMENTED.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        keeper: SessionKeeper,
        host: EmbeddedHost,
        *,
        telemetry_stream: TelemetryStream | None = None,
    ) -> None:
        HostingRpcs.__init__(self, host, dispatcher.handler.sessions)
        BridgeService.__init__(self, dispatcher, keeper, telemetry_stream=telemetry_stream)

    def stop(self) -> None:
        """Let those go who watch variables."""
        self.end_watches()
