"""Public data sets, brought here by name: which there are, how each is got, what is written down about it."""
