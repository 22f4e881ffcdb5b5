"""Looks into the DAGs of a project, in Airflow's environment and without a run: what `inv dag.*` asks there."""
