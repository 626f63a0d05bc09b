"""Programs made of several modules."""
