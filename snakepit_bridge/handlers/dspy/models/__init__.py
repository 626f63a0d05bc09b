"""The language models of sessions."""
