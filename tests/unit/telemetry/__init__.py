"""What is told of commands."""
