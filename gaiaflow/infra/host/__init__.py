"""This machine: processes, private files, ports, environments, progress."""
