"""Training: fits the model, logs it and registers it."""
