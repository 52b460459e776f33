"""Recipes: how a model is built, as TOML files."""
