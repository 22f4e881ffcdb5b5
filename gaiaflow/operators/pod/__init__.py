"""The pod of a task: what it is made of, how it starts, what it writes."""
