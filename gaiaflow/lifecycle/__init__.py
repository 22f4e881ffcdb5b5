"""The Invoke tasks: what a person types."""
