"""The stack as processes under a supervisor."""
