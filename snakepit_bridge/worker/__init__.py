"""Snakepit's process contract: flags, files, signals, watches."""
