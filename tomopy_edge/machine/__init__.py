"""The machine at hand: what it is, what is installed on it, and what runs on it how fast."""
