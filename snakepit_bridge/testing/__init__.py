"""What tests of handlers need: a clock to turn, a host always there, a model that costs nothing."""

from snakepit_bridge.handlers.dspy.offline import offline_lm
from snakepit_bridge.session.embedded_host import EmbeddedHost
from snakepit_bridge.testing.fakes import FakeClock
from snakepit_bridge.testing.in_process import in_process_bridge

__all__ = ["EmbeddedHost", "FakeClock", "in_process_bridge", "offline_lm"]
