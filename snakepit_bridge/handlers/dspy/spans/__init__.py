"""What DSPy does, told while it does it."""
