"""Recipes: TOML files that say how a model is built."""
