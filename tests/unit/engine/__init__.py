"""Where code runs, without a bridge around it."""
