"""Alembic migrations of the database; run by ``provisioner-dbsync``."""
