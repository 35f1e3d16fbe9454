"""The reconstruction algorithms that come in the box: one module each."""
