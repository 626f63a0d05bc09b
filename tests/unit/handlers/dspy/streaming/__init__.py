"""What is told of an answer while it is being written."""
