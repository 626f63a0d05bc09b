"""A place beside values that takes everything."""

from __future__ import annotations

from snakepit_bridge.values.beside import Beside
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.refs import Ref


class Recorder(Beside):
    """Takes every blob, keeps every object."""

    def __init__(self) -> None:
        self.blobs: list[Blob] = []
        self.kept: list[object] = []
        self.given_up = 0

    def put(self, blob: Blob) -> int:
        self.blobs.append(blob)
        return len(self.blobs) - 1

    def keep(self, instance: object) -> Ref:
        self.kept.append(instance)
        return Ref(f"r{len(self.kept)}", type_name="shop.Cart", session_id="s")

    def give_up(self) -> None:
        self.given_up += 1
