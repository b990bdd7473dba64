"""Tables, sessions and queries. One module per noun; only :mod:`fences` writes an epoch."""
