"""Revisions, one file each, named by a number and what they do."""
