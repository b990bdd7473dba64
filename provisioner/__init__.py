"""Shared domain of the provisioning service: no Flask, no threads of its own."""
