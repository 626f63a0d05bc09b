"""The values of Snakepit's own service."""
