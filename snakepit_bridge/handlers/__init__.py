"""From a command to its result."""
