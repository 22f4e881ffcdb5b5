"""Projects on disk: made from the template, adopted, updated."""
