"""Bodies of requests, checked against a JSON Schema before anything is done with them."""

import jsonschema

from provisioner import exceptions
from provisioner_api import arguments
from provisioner_api.call import Call


def document(call: Call, schema: dict) -> dict:
    """The body as a JSON object that ``schema`` allows.

    :raises Invalid: saying which field is wrong
    """
    body = arguments.mapping(call)
    wrong = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(body))
    if wrong is not None:
        field = ".".join(str(part) for part in wrong.absolute_path)
        raise exceptions.Invalid(f"{field or 'The body'}: {wrong.message[:300]}",
                                 remedy="Mend that field and repeat the request.",
                                 field=field or None)
    return body


def optional(call: Call, schema: dict) -> dict:
    """As :func:`document`; without a body, an empty object."""
    return document(call, schema) if call.raw.strip() else {}


def media_type(call: Call) -> str:
    """The body's type without its parameters, in lower case."""
    return call.headers.get("Content-Type", "").partition(";")[0].strip().lower()
