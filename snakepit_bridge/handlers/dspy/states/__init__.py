"""States of programs, saved and loaded."""
