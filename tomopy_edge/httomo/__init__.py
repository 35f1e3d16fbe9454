"""Methods for pipelines of HTTomo, Diamond's framework: plain functions in its axis order, and what it asks of them.

`python -m tomopy_edge.httomo` enters them in the HTTomo that is installed.
"""
