"""What is done with predictions: scores and figures."""
