"""The page on provision states is generated, and the committed one is current."""

import subprocess
import sys

import pytest

from provisioner import states
from tests import source_tree

SCRIPT = source_tree.ROOT / "docs" / "genstates.py"


def genstates(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True,
                          timeout=30)


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "states.rst"
    assert genstates(path).returncode == 0
    return path


def test_committed_page_is_current():
    done = genstates("--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_stale_page_is_found(page):
    assert genstates("--check", page).returncode == 0
    page.write_text(page.read_text().replace("``deploy``", "``destroy``", 1))
    done = genstates("--check", page)
    assert done.returncode == 1
    assert "not current" in done.stderr


def test_page_has_every_transition(page):
    text = page.read_text()
    missing = [(state, event) for state, events in states.TRANSITIONS.items()
               for event, new in events.items()
               if f'"{state}" -> "{new}" [label="{event}"]' not in text]
    assert missing == []
