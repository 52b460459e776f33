"""How good a model is: predictions, metrics, figures, and a report that anybody can read."""
