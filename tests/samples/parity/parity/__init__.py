"""Functions and values that every mode must treat alike."""
