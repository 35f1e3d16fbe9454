"""Sweeps: one scan with many values of an option, side by side, to choose one by looking."""
