"""The host as a language model."""
