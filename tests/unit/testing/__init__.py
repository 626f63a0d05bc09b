"""What the doubles for tests do."""
