"""Fields of each resource, as data: since which version, of which type, writable or not."""
