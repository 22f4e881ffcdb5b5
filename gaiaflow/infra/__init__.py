"""The world outside: processes, Docker, Kubernetes. Returns or raises, never prints."""
