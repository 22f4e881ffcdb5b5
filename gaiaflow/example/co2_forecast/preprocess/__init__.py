"""From raw measurements to the series that the model is trained on."""
