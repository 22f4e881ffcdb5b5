"""One operator for each mode, imported late: a DAG file pays only for the mode it runs in."""
