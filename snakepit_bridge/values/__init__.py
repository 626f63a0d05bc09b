"""Values as bytes: what each encoding writes, what it reads back."""

from snakepit_bridge.values.choice import find_encoding
from snakepit_bridge.values.encoding import Encoded, Encoding

__all__ = ["Encoded", "Encoding", "find_encoding"]
