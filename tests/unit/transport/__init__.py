"""Between bytes and commands."""
