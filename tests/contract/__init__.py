"""One suite per protocol, over every implementation."""
