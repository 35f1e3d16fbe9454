"""Making models: the architectures, their training on simulated pairs, and their export for edge devices."""
