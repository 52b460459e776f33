"""The program that a visitor stands in front of."""
