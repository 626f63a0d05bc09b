"""The real wire, real processes, real files."""
