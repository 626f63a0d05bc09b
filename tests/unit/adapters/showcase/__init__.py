"""The adapter of Snakepit's examples."""
