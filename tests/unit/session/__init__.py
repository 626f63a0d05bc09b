"""What lives on between commands, without a wire."""
