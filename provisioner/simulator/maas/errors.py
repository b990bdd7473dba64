"""Refusals, as a region words them."""


class ApiError(Exception):
    """An answer other than 2xx.

    :ivar body: text, or a mapping of fields to lists of messages, which travels as JSON
    """

    def __init__(self, status: int, body="", headers: dict | None = None):
        super().__init__(f"{status} {body}")
        self.status, self.body, self.headers = status, body, headers or {}


def invalid(**fields: str) -> ApiError:
    """Validation: field to message; ``all_`` stands for the object."""
    return ApiError(400, {{"all_": "__all__"}.get(name, name): [message]
                          for name, message in fields.items()})


def required(*names: str) -> ApiError:
    return ApiError(400, {name: ["This field is required."] for name in names})


def choice(name: str, value) -> ApiError:
    return invalid(**{name: f"Select a valid choice. {value} is not one of the available "
                            "choices."})


def conflict(text: str) -> ApiError:
    return ApiError(409, text)


def unavailable(text: str) -> ApiError:
    return ApiError(503, text)


def missing(kind: str) -> ApiError:
    return ApiError(404, f"No {kind} matches the given query.")
