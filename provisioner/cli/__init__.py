"""The command line: a client of the HTTP API, alone or as a plug-in of ``openstack``."""
