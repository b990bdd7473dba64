"""The stateless HTTP servers. They never import a driver or the conductor."""
