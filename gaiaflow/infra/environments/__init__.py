"""What a project's own environment is made of: which file decides, and conda's part of it."""
