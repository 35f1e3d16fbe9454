"""The denoisers that come in the box: one module each."""
