"""Work on programs that goes on while nobody waits for it."""
