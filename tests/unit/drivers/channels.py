"""Channels for tests of drivers: one that scripts answers, one that guards a real transport."""

from collections.abc import Callable
from typing import Any


class ScriptedChannel:
    """Answers each request by a table; remembers what was sent and what was only read.

    :param answers: request -> answer, or an error to raise, or a list of those, one per call
    """

    def __init__(self, answers: dict):
        self.answers = {key: list(value) if isinstance(value, list) else value
                        for key, value in answers.items()}
        self.reads, self.sends = [], []

    def read(self, request: Any, timeout: float = 10.0) -> Any:
        self.reads.append(request)
        return self._answer(request)

    def send(self, request: Any, timeout: float = 10.0) -> Any:
        self.sends.append(request)
        return self._answer(request)

    def _answer(self, request: Any) -> Any:
        answer = self.answers[request]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class DirectChannel:
    """A channel over a transport, whose check counts and can be made to refuse."""

    def __init__(self, transport: Any, check: Callable[[], None] = lambda: None):
        self._transport = transport
        self._check = check

    def read(self, request: Any, timeout: float = 10.0) -> Any:
        return self._transport.exchange(request, timeout, lambda: None)

    def send(self, request: Any, timeout: float = 10.0) -> Any:
        return self._transport.exchange(request, timeout, self._check)
