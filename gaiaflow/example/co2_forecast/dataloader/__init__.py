"""Where data comes from, and how one task hands it to the next."""
