"""One DAG seen from outside: Airflow's REST API, runs, checks, replay, the graph, versions."""
