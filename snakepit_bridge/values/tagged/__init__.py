"""The encoding ``tagged``: JSON that loses nothing."""
