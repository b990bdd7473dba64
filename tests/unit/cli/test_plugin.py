"""The same commands as a plug-in of ``openstack``."""

import argparse
import configparser
import pathlib
import types

import pytest

from provisioner.cli import design, plugin
from provisioner.cli.main import COMMANDS

SETUP = pathlib.Path(__file__).parents[3] / "setup.cfg"


def entry_points(group):
    """The lines of a group in setup.cfg, split."""
    parser = configparser.ConfigParser()
    parser.read(SETUP)
    lines = parser["entry_points"][group].strip().splitlines()
    return {name.strip(): target.strip()
            for name, target in (line.split("=") for line in lines)}


def test_plugin_has_every_command_and_no_other():
    assert entry_points("openstack.cli.extension") == {
        plugin.API_NAME: "provisioner.cli.plugin"}
    assert entry_points(f"openstack.{plugin.API_NAME}.v{plugin.DEFAULT_API_VERSION}") == {
        f"provisioner_{words.replace(' ', '_')}": f"{command.__module__}:{command.__name__}"
        for words, command in COMMANDS.items()}


def session(**more):
    """What osc-lib hands to a plug-in."""
    values = {
        "get_configuration": lambda: {"provisioner_url": None}, "region_name": "one",
        "interface": "public", "session": types.SimpleNamespace(
            get_auth_headers=lambda: {"X-Auth-Token": "t"}),
        "get_endpoint_for_service_type": lambda kind, **_: {
            "baremetal": "http://catalogue:6385/v1"}.get(kind)}
    return types.SimpleNamespace(**{**values, **more})


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    monkeypatch.delenv("PROVISIONER_URL", raising=False)


def test_catalogue_is_asked_unless_a_url_is_given(monkeypatch):
    assert plugin.make_client(session()).url == "http://catalogue:6385"
    given = session(get_configuration=lambda: {"provisioner_url": "http://given:1"})
    assert plugin.make_client(given).url == "http://given:1"
    monkeypatch.setenv("PROVISIONER_URL", "http://environment:1")
    assert plugin.make_client(session()).url == "http://environment:1"


def test_options_are_those_of_the_plugin():
    parser = plugin.build_option_parser(argparse.ArgumentParser())
    options = parser.parse_args(["--provisioner-url", "http://x:1"])
    assert options.provisioner_url == "http://x:1"
    assert getattr(options, plugin.API_VERSION_OPTION) in plugin.API_VERSIONS


def test_validation_needs_no_login():
    assert design.Validate.auth_required is False
