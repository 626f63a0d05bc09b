"""What lives on between commands; the way back to the host."""
