"""What all commands share: where the client comes from, how errors and values are shown."""

import argparse
import datetime
import functools
import importlib.metadata
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from cliff import columns, command, lister, show

from provisioner import exceptions
from provisioner.cli.client import Client


def version() -> str:
    """Of this program; "" where it runs without having been installed."""
    try:
        return importlib.metadata.version("provisioner")
    except importlib.metadata.PackageNotFoundError:
        return ""


class Failure(Exception):
    """What a person reads when a command fails: what happened, and what to do."""

    def __init__(self, error: exceptions.ProvisionerError):
        text = error.message
        if error.remedy and error.remedy not in text:
            text += f"\n  To do: {error.remedy}"
        super().__init__(text)


def reported(function: Callable[[], int]) -> int:
    """What ``function`` gives. :raises Failure: in place of every error with a remedy"""
    try:
        return function()
    except exceptions.ProvisionerError as error:
        raise Failure(error) from error


class _Ours:
    """Finds the client, and shows errors with their remedy."""

    def get_parser(self, prog_name):
        """A parser whose help keeps the lines of the examples."""
        parser = super().get_parser(prog_name)
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.description = inspect.cleandoc(type(self).__doc__ or "")
        return parser

    @property
    def client(self) -> Client:
        return self.app.client_manager.provisioner

    def run(self, parsed_args) -> int:
        return reported(lambda: super(_Ours, self).run(parsed_args))


class Command(_Ours, command.Command):
    """A command with output of its own."""


class Telling(Command):
    """A command whose exit status 2 is an answer, so that misuse is 1 as other errors are."""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.error = functools.partial(_misused, parser)
        return parser


def _misused(parser: argparse.ArgumentParser, message: str) -> NoReturn:
    parser.print_usage(sys.stderr)
    parser.exit(1, f"{parser.prog}: error: {message}\n")


class Lister(_Ours, lister.Lister):
    """A command that shows a table."""


class ShowOne(_Ours, show.ShowOne):
    """A command that shows one thing."""


class Data(columns.FormattableColumn):
    """A structure: indented JSON for people, itself for machines."""

    def human_readable(self) -> str:
        return json.dumps(self._value, indent=1) if self._value else ""

    def machine_readable(self) -> Any:
        return self._value


class Optional(columns.FormattableColumn):
    """A value that may be absent: nothing for people, null for machines."""

    def human_readable(self) -> str:
        return "" if self._value is None else str(self._value)

    def machine_readable(self) -> Any:
        return self._value


def row(values: Mapping[str, Any]) -> tuple[tuple, tuple]:
    """What a :class:`ShowOne` gives, from names and values."""
    return tuple(values), tuple(Optional(value) if value is None else value
                                for value in values.values())


class Lines(columns.FormattableColumn):
    """A list: one line for each item for people, the items for machines.

    :param value: (items for machines, lines for people)
    """

    def human_readable(self) -> str:
        return "\n".join(self._value[1])

    def machine_readable(self) -> Any:
        return self._value[0]


def parse_time(text: str | None) -> datetime.datetime | None:
    return datetime.datetime.fromisoformat(text) if text else None


def seconds(total: float) -> str:
    """``1:02:03``, ``2:03``: a duration for people."""
    minutes, rest = divmod(max(0, int(total)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def elapsed(item: dict, now: datetime.datetime) -> str:
    """How long a task has run or did run; "" before it began."""
    began = parse_time(item.get("started_at"))
    if began is None:
        return ""
    return seconds(((parse_time(item.get("finished_at")) or now) - began).total_seconds())


def local_time(text: str | None) -> str:
    """A time of the service in the zone of the terminal, with the zone."""
    moment = parse_time(text)
    return moment.astimezone().isoformat(sep=" ", timespec="seconds") if moment else ""
