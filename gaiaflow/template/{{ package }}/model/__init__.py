"""The model itself, without MLflow."""
