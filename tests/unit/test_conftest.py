"""What is absent is skipped by hand, and fails under CI: there, nothing is left out silently."""

import os
import subprocess
import sys

import pytest

from tests import source_tree

NEEDY = """
import pytest

def test_bus(rabbitmq_url):
    pass

def test_database(database_url):
    pass

@pytest.mark.tools
def test_tool():
    pass

def test_plain():
    pass
"""


@pytest.fixture
def run(tmp_path):
    """``run(*arguments, **environment)``: pytest on NEEDY where no service and no tool is."""
    (tmp_path / "test_needy.py").write_text(NEEDY)
    (tmp_path / "conftest.py").write_text("from tests.conftest import *  # noqa: F403\n")
    (tmp_path / "bin").mkdir()

    def run_pytest(*arguments, **environment):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                   "-p", "no:warnings", "-c", source_tree.ROOT / "pyproject.toml",
                   "--rootdir", tmp_path, *arguments, tmp_path]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60,
                              env={"PATH": str(tmp_path / "bin"),
                                   "PYTHONPATH": os.fspath(source_tree.ROOT), **environment})
        return done.stdout.splitlines()[-1]
    return run_pytest


def test_absent_services_and_tools_are_skipped_by_hand(run):
    assert run().startswith("2 passed, 4 skipped")


def test_absent_services_and_tools_fail_under_ci(run):
    assert run(CI="true").startswith("2 passed, 4 errors")


def test_the_quick_choice_leaves_out_what_needs_services(run):
    chosen = run("-m", "not services and not tools and not chaos", CI="true")
    assert chosen.startswith("2 passed, 4 deselected")
