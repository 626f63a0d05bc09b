"""What is spent."""
