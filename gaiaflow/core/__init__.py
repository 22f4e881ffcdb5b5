"""The import paths of older DAGs; re-exports only."""
