"""From raw data to what the model is trained on."""
