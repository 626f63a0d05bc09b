"""From a command to its result, without a wire."""
