"""The encodings that are plain JSON, for every language."""
