"""Commands for DAGs: `dag.*`."""
