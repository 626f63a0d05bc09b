"""Values as bytes: what each encoding writes, what it reads back.

Its names are resolved when they are first used, so that who needs one imports no encoding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snakepit_bridge.lazy_names import lazy_names

if TYPE_CHECKING:
    from snakepit_bridge.values.blob import Blob
    from snakepit_bridge.values.choice import find_encoding
    from snakepit_bridge.values.encoding import Encoded, Encoding
    from snakepit_bridge.values.refs import Ref
    from snakepit_bridge.values.tag_objects import HostFunction
    from snakepit_bridge.values.value_types import value_type

__all__ = ["Blob", "Encoded", "Encoding", "HostFunction", "Ref", "find_encoding", "value_type"]

_HOMES = {
    "Blob": "blob",
    "Encoded": "encoding",
    "Encoding": "encoding",
    "HostFunction": "tag_objects",
    "Ref": "refs",
    "find_encoding": "choice",
    "value_type": "value_types",
}

__getattr__, __dir__ = lazy_names(globals(), _HOMES)
