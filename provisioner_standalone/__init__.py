"""API and one conductor in one process, on SQLite, with the bus in process.

The very same code as the two services; only this package may import both.
"""
