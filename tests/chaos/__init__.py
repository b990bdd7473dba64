"""Proofs with real processes: conductors in network namespaces of their own, real services."""
