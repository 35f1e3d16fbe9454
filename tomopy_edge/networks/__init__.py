"""Run a trained network over slices: units, tiles, int8 codes, model folders, runtimes."""
