"""A simulated cluster of one conductor, and steps that only tests know."""

import pytest

from provisioner import steps
from provisioner.steps import PARK, PROBE, REPEAT, Done, StepSpec, step
from tests import cluster


class Script:
    """What the steps ``test.repeat``, ``test.probe`` and ``test.park`` answer, and how often.

    :ivar answer: ``(context) -> outcome``
    :ivar contexts: of the calls so far
    """

    def __init__(self):
        self.clear()

    def clear(self) -> None:
        self.answer = lambda context: Done()
        self.contexts = []

    def __call__(self, context):
        self.contexts.append(context)
        return self.answer(context)


_SCRIPT = Script()
for _word in (REPEAT, PROBE, PARK):
    step(f"test.{_word}", on_interrupt=_word)(_SCRIPT)
step("test.stubborn", on_interrupt=REPEAT, abortable=False, run_limit=5)(_SCRIPT)
SPECS = {word: StepSpec(f"test.{word}") for word in (REPEAT, PROBE, PARK, "stubborn")}
assert "test.park" in steps.registered()


@pytest.fixture
def script():
    """Answers of the test's own steps."""
    _SCRIPT.clear()
    return _SCRIPT


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    url = cluster.fresh(tmp_path_factory.mktemp("template"))
    cluster.Cluster(url).close()
    return url.removeprefix("sqlite:///")


@pytest.fixture
def on(tmp_path, template):
    """A cluster with one process, ``a``."""
    made = cluster.Cluster(cluster.fresh(tmp_path, template))
    made.start("a")
    yield made
    made.close()
