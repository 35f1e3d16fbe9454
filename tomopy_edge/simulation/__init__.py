"""Seeded phantoms with analytic line integrals, low-dose scans of them, and training pairs made from such scans."""
