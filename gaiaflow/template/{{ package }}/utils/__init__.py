"""What several of the other packages share."""
