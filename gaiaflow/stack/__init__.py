"""The services of one project, on either backend."""
