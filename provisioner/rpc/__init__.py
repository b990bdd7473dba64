"""A dozen calls from the API to the conductors. They carry identifiers and plain data."""
