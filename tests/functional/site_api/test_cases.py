"""Runs the cases of the ``*.yaml`` files beside this one. They read as documentation of the API.

They are written as those in ``tests/functional/api``. ``<example>`` is the text of the example
site, ``<broken>`` the same with an error in it, ``<file>`` a reference to the example.
"""

import pathlib

import pytest
import yaml

from tests.functional.api.test_cases import run
from tests.unit.api.site.harness import EXAMPLE

FOLDER = pathlib.Path(__file__).parent


def scenarios():
    for file in sorted(FOLDER.glob("*.yaml")):
        for found in yaml.safe_load(file.read_text()):
            yield pytest.param(found, id=f"{file.stem}: {found['scenario']}")


@pytest.mark.parametrize("scenario", scenarios())
def test_case(scenario, site_api, tmp_path):
    text = EXAMPLE.read_text()
    (tmp_path / "site.yaml").write_text(text)
    kept = {"example": text, "broken": text.replace("127.77.0.2", "10.1.2.3"),
            "file": f"file://{tmp_path}/site.yaml"}
    for position, step in enumerate(scenario["steps"]):
        run(site_api, step, kept, f"step {position + 1}")
