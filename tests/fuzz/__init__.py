"""Recipes, scans and networks that are damaged in every way, and what the package makes of them."""
