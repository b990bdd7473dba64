"""Sphinx configuration (``tox -e docs``)."""

project = "provisioner"
copyright = "provisioner developers, Apache License 2.0"
extensions = ["myst_parser", "openstackdocstheme", "reno.sphinxext"]
exclude_patterns = ["_build"]
html_theme = "openstackdocs"
# The theme would otherwise look for the links of a project on opendev.org.
openstackdocs_auto_name = False
openstackdocs_auto_version = False
openstackdocs_use_storyboard = False
openstackdocs_bug_project = ""
openstackdocs_repo_name = ""
html_theme_options = {"display_badge": False, "sidebar_mode": "toc"}
smartquotes = False
