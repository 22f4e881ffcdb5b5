"""MLflow's registered models: the registry, their images, deployments and addresses."""
