"""What keeps the code base in shape."""
