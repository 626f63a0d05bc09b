"""Events for Snakepit: filtered, queued, sent as messages."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

from snakepit_bridge.errors import BridgeError, ErrorCode
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.telemetry.event import Event, event_now
from snakepit_bridge.telemetry.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

    from snakepit_bridge.telemetry.controls import Controls

log = logging.getLogger(__name__)

MAX_BUFFER = 1024
"""Events that wait at most, before a stream is open and in each that is."""

MAX_STREAMS = 8
"""Streams that are open at once: Snakepit opens one, the others are for people who look."""


class StreamContext(Protocol):
    """What ``TelemetryStream.stream`` needs to know of the RPC."""

    def add_done_callback(self, callback: Any) -> None:
        """Call this with the context once the RPC has ended."""


class TelemetryStream:
    """Takes events from any thread, and sends them to whoever has opened a stream.

    Until there is a stream, events wait for the first one. A stream has a queue and controls of its
    own, so that a second one changes nothing for the first. What finds its queue full is dropped.

    Args:
        max_buffer: Events that wait at most.
        draw: For sampling: a random number from 0, included, to 1, excluded.
    """

    def __init__(
        self,
        max_buffer: int = MAX_BUFFER,
        *,
        draw: Callable[[], float] = random.random,  # noqa: S311  (chance, not a secret)
    ) -> None:
        self.dropped_count = 0
        """Events that found no place."""
        self.takes_events = True
        """Whether an event emitted now would be kept or sent; false once nobody reads and as many
        as can be kept are kept."""
        self._limit = max_buffer
        self._draw = draw
        # Re-entrant: the garbage collector may run a destructor that emits on the same thread.
        self._lock = threading.RLock()
        self._early: deque[Event] = deque()
        self._open: tuple[Subscription, ...] = ()
        self._is_closed = False

    def emit(
        self,
        event_name: str,
        measurements: Mapping[str, object],
        metadata: Mapping[str, object] | None = None,
        correlation_id: str | None = None,
    ) -> None:
        """Send an event to every open stream that wants it; from any thread, without waiting.

        Args:
            event_name: Dotted name, e.g. ``"python.call.stop"``.
            measurements: Numbers by name; what is no number becomes text.
            metadata: What it is about; becomes text.
            correlation_id: The call it belongs to.
        """
        if not self.takes_events:
            self._refuse()
            return
        streams = self._open
        wanting = self._wanting(event_name, streams)
        if streams and not wanting:
            return
        # Outside of the lock: foreign objects are asked for their text here.
        event = event_now(event_name, measurements, metadata, correlation_id)
        with self._lock:
            if self._open is not streams:
                wanting = self._wanting(event_name, self._open)
            self._put(event, wanting)

    def close(self) -> None:
        """End every stream once it has sent what waits in it; events are dropped from now on."""
        with self._lock:
            self._is_closed = True
            for subscription in self._open:
                subscription.end()
            self._look_again()

    async def stream(
        self, control_iterator: AsyncIterator[pb.TelemetryControl], context: StreamContext | None
    ) -> AsyncGenerator[pb.TelemetryEvent, None]:
        """Open a stream: yield the events that wait, then those that come, until it is closed.

        Args:
            control_iterator: What the reader asks for. One that is wrong is logged and ignored;
                the events go on when the controls end.
            context: The RPC, so that the stream ends with it even while an event is being sent.

        Raises:
            BridgeError: Too many streams are open.
        """
        subscription = self._subscribe()
        obeying = asyncio.create_task(
            self._obey(control_iterator, subscription), name="telemetry-controls"
        )

        def leave(_: object = None) -> None:
            self._unsubscribe(subscription)
            obeying.cancel()

        if context is not None:
            # Cancelled while it sends, gRPC leaves a generator where it is.
            context.add_done_callback(leave)
        try:
            async with aclosing(subscription.events()) as events:
                async for event in events:
                    yield message_of(event)
        finally:
            leave()
            await asyncio.wait([obeying])

    # --- events ---------------------------------------------------------------------------------

    def _wanting(self, event_name: str, streams: tuple[Subscription, ...]) -> list[Subscription]:
        return [each for each in streams if each.controls.let_pass(event_name, self._draw)]

    def _put(self, event: Event, wanting: list[Subscription]) -> None:
        if self._is_closed:
            return
        if not self._open:
            self._keep(event)
        for subscription in wanting:
            if not subscription.offer(event):
                self.dropped_count += 1

    def _keep(self, event: Event) -> None:
        if len(self._early) < self._limit:
            self._early.append(event)
        else:
            self.dropped_count += 1
        self._look_again()

    def _refuse(self) -> None:
        with self._lock:
            # What a reader has switched off is not missed, nor is what comes after the end.
            self.dropped_count += not self._open and not self._is_closed

    # --- streams --------------------------------------------------------------------------------

    @property
    def _loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop of the first open stream."""
        return self._open[0].loop if self._open else None

    def _subscribe(self) -> Subscription:
        subscription = Subscription(asyncio.get_running_loop(), self._limit)
        with self._lock:
            if len(self._open) >= MAX_STREAMS:
                text = f"{MAX_STREAMS} telemetry streams are open; no more can be."
                raise BridgeError(text, code=ErrorCode.QUOTA_EXCEEDED)
            while self._early:
                subscription.offer(self._early.popleft())
            if self._is_closed:
                subscription.end()
            self._open = (*self._open, subscription)
            self._look_again()
        return subscription

    def _unsubscribe(self, subscription: Subscription) -> None:
        with self._lock:
            if subscription in self._open:
                self._open = tuple(each for each in self._open if each is not subscription)
                self.dropped_count += len(subscription)
                self._look_again()

    def _look_again(self) -> None:
        """See whether an event would go anywhere."""
        if self._is_closed:
            self.takes_events = False
        elif self._open:
            self.takes_events = any(each.controls.is_on for each in self._open)
        else:
            self.takes_events = len(self._early) < self._limit

    async def _obey(
        self, control_iterator: AsyncIterator[pb.TelemetryControl], subscription: Subscription
    ) -> None:
        try:
            async for control in control_iterator:
                self._apply(control, subscription)
        except Exception:
            # The top of a task. What cannot be read is no control, and events go on without.
            log.warning("the controls of a telemetry stream cannot be read", exc_info=True)

    def _apply(self, control: pb.TelemetryControl, subscription: Subscription) -> None:
        try:
            controls = controls_with(control, subscription.controls)
        except ValueError as error:
            log.warning("a control of a telemetry stream was ignored: %s", error)
            return
        with self._lock:
            subscription.controls = controls
            self._look_again()


def controls_with(control: pb.TelemetryControl, controls: Controls) -> Controls:
    """The controls after a message of the reader.

    Raises:
        ValueError: It asks for nothing, or for something that is not possible.
    """
    match control.WhichOneof("control"):
        case "toggle":
            return controls.switched(on=control.toggle.enabled)
        case "sampling":
            asked = control.sampling
            return controls.sampling(asked.sampling_rate, asked.event_patterns)
        case "filter":
            return controls.filtering(allow=control.filter.allow, deny=control.filter.deny)
    text = "it asks for nothing that is known here"
    raise ValueError(text)


def message_of(event: Event) -> pb.TelemetryEvent:
    """The event as it travels."""
    message = pb.TelemetryEvent(
        event_parts=event.name.split("."),
        metadata=event.metadata,
        timestamp_ns=event.timestamp_ns,
        correlation_id=event.correlation_id,
    )
    for name, value in event.measurements.items():
        slot = message.measurements[name]
        match value:
            case int():
                slot.int_value = value
            case float():
                slot.float_value = value
            case _:
                slot.string_value = value
    return message
