"""Write ``docs/states.rst`` from the provision state machine (``tox -e genstates``).

::

    genstates.py [--check] [FILE]

With ``--check`` nothing is written; the exit code is 1 if FILE is not current.
"""

import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# A script sees its own folder, not the tree it belongs to.
sys.path.insert(0, str(ROOT))

from provisioner import states  # noqa: E402

INTRODUCTION = """\
.. Written by docs/genstates.py from provisioner/states.py. Change it there.

================
Provision states
================

A node is in exactly one provision state. A verb of the API, or the outcome of work on the node,
is an event; the table says which events are legal in which state and where they lead. Anything
else is refused, and the answer names the verbs that are possible.

*Stable* states stay until somebody asks for something. In all others work is under way or has
failed, towards the target that is given with them.
"""


def heading(text: str) -> str:
    return f"\n{text}\n{'=' * len(text)}\n\n"


def kind(state: str) -> str:
    """What a state is: stable, failed, or on the way to its target."""
    words = [word for word, group in (("stable", states.STABLE), ("failed", states.FAILED))
             if state in group]
    if state in states.TARGETS:
        words.append(f"towards *{states.TARGETS[state]}*")
    return ", ".join(words)


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (header, *rows):
        lines += [f"   {'* -' if i == 0 else '  -'} {cell}".rstrip()
                  for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def transitions() -> str:
    return table(("State", "Kind", "Event", "Next state"), [
        (state if first else "", kind(state) if first else "", f"``{event}``", new)
        for state, events in states.TRANSITIONS.items()
        for first, (event, new) in zip((True, *[False] * len(events)), events.items(),
                                       strict=False)])


def verbs() -> str:
    rows = []
    for verb, event in states.VERBS.items():
        legal = [state for state, events in states.TRANSITIONS.items() if event in events]
        rows.append((f"``{verb}``", f"``{event}``", ", ".join(legal)))
    return table(("Verb", "Event", "Legal in"), rows)


def dot() -> str:
    """The machine as a graph in the language of graphviz."""
    lines = [".. code-block:: dot", "", "   digraph states {", "       rankdir=LR;"]
    lines += [f'       "{state}" [shape={"doubleoctagon" if state in states.STABLE else "box"}];'
              for state in states.TRANSITIONS]
    lines += [f'       "{state}" -> "{new}" [label="{event}"];'
              for state, events in states.TRANSITIONS.items() for event, new in events.items()]
    return "\n".join([*lines, "   }"]) + "\n"


def render() -> str:
    return "".join((
        INTRODUCTION, heading("Transitions"), transitions(), heading("Verbs"),
        "What clients ask for (``PUT /v1/nodes/<node>/states/provision``), and the event it "
        "is.\n\n", verbs(), heading("Picture"),
        "The same as a graph, for ``dot -Tsvg``.\n\n", dot()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("file", nargs="?", type=pathlib.Path, default=ROOT / "docs/states.rst")
    options = parser.parse_args()
    if not options.check:
        options.file.write_text(render(), encoding="utf-8")
        return 0
    if options.file.read_text(encoding="utf-8") == render():
        return 0
    print(f"{options.file} is not current: run tox -e genstates", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
