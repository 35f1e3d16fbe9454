"""The stages of a recipe: each a module with one options class and one function."""
