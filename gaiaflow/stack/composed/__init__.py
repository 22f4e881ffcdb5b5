"""The stack as containers by Docker Compose."""
