"""Values as bytes: what each encoding writes, what it reads back."""

from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.choice import find_encoding
from snakepit_bridge.values.encoding import Encoded, Encoding
from snakepit_bridge.values.refs import Ref
from snakepit_bridge.values.tag_objects import HostFunction
from snakepit_bridge.values.value_types import value_type

__all__ = ["Blob", "Encoded", "Encoding", "HostFunction", "Ref", "find_encoding", "value_type"]
