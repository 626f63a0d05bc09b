"""Written by protoc from ``proto/``: regenerate with ``make proto``, never edit."""
