"""The error tree. Every error says what happened, where, and what to do.

::

    ProvisionerError                 code, message, remedy, where
    ├── Invalid                      the request cannot be right            InvalidRequest
    │   ├── InvalidState             not in this state of the node          InvalidState
    │   ├── InvalidDesign            documents with errors, has findings    InvalidDesign
    │   ├── InvalidSetting           a driver setting is missing or wrong   InvalidSetting
    │   ├── InMaintenance            refused while in maintenance           InMaintenance
    │   └── KeyReused                one key, two different requests        IdempotencyKeyReused
    ├── NotFound                     no such thing                          NotFound
    ├── Forbidden                    not allowed to this user               Forbidden
    │   └── NodeProtected            the node is marked protected           NodeProtected
    ├── Unauthenticated              who are you?                           Unauthenticated
    ├── Conflict                     try again later, or differently        Conflict
    │   ├── Duplicate                a unique value is taken                Duplicate
    │   ├── NodeBusy                 another task has the node              NodeBusy
    │   ├── NodeAssociated           an instance is on the node             NodeAssociated
    │   ├── PlanStale                the world has moved since the plan     PlanStale
    │   └── Changed                  somebody else wrote meanwhile          Changed
    ├── Unavailable                  no conductor, no worker: come back     Unavailable
    ├── FenceLost                    another owner has taken the work       FenceLost
    ├── LeaseLost                    this conductor may no longer act       LeaseLost
    ├── Misconfigured                the service cannot start like this     Misconfigured
    └── HardwareError                what a machine or its BMC did
        ├── Unreachable              no answer at all                       Unreachable
        ├── LoginRefused             answered, but credentials are wrong    LoginRefused
        ├── RequestRefused           understood and refused                 RequestRefused
        ├── Unsupported              this hardware cannot do that           Unsupported
        └── HardwareTimeout          accepted, but not done in time         HardwareTimeout

Codes (the last column) are part of the API and never change. Nothing here knows of HTTP: the API
maps classes to status codes in one place.
"""


class ProvisionerError(Exception):
    """Base of every error that this program raises on purpose.

    :ivar code: stable symbol, part of the API
    :ivar message: what happened, one sentence
    :ivar remedy: what a person can do about it, or ``""``
    :ivar where: plain data that locates it (node, step, document, line ...)
    """

    code = "InternalError"
    remedy = ""

    def __init__(self, message: str = "", *, remedy: str | None = None, **where):
        super().__init__(message or self.code)
        self.message = message or self.code
        self.remedy = self.remedy if remedy is None else remedy
        self.where = where

    def as_dict(self) -> dict:
        """Plain data for the bus, the database and the API."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy,
                "where": {key: value for key, value in self.where.items() if value is not None}}


class Invalid(ProvisionerError):
    code = "InvalidRequest"
    remedy = "Correct the request and send it again."


class InvalidState(Invalid):
    code = "InvalidState"


class InvalidDesign(Invalid):
    """Documents with errors. ``where["findings"]`` is a list of findings as plain data."""

    code = "InvalidDesign"
    remedy = "Mend the documents named in the findings and send them again."


class InvalidSetting(Invalid):
    code = "InvalidSetting"


class InMaintenance(Invalid):
    code = "InMaintenance"
    remedy = "Clear the node's maintenance flag first."


class KeyReused(Invalid):
    code = "IdempotencyKeyReused"
    remedy = "Use a new Idempotency-Key for a different request."


class NotFound(ProvisionerError):
    code = "NotFound"


class Forbidden(ProvisionerError):
    code = "Forbidden"


class NodeProtected(Forbidden):
    code = "NodeProtected"
    remedy = "Unset the node's 'protected' field first."


class Unauthenticated(ProvisionerError):
    code = "Unauthenticated"


class Conflict(ProvisionerError):
    code = "Conflict"


class Duplicate(Conflict):
    code = "Duplicate"


class NodeBusy(Conflict):
    code = "NodeBusy"
    remedy = "Wait for the task to end, or abort it."


class NodeAssociated(Conflict):
    code = "NodeAssociated"


class PlanStale(Conflict):
    """``where["moved"]`` is a list of sentences that say what."""

    code = "PlanStale"
    remedy = "Make a new plan, look at it, and apply that one."


class Changed(Conflict):
    code = "Changed"
    remedy = "Read it again and repeat the request."


class Unavailable(ProvisionerError):
    code = "Unavailable"
    remedy = "Repeat the request in a few seconds."


class FenceLost(ProvisionerError):
    """Another owner has taken the node or task; this worker stops at once."""

    code = "FenceLost"


class LeaseLost(ProvisionerError):
    """This incarnation's right to act has ended; nothing more may be sent."""

    code = "LeaseLost"


class Misconfigured(ProvisionerError):
    code = "Misconfigured"


class HardwareError(ProvisionerError):
    """What a machine, its BMC or its agent did. Told apart by cause, never by text."""

    code = "HardwareError"


class Unreachable(HardwareError):
    code = "Unreachable"
    remedy = "Check the address, the cabling and that the BMC is up."


class LoginRefused(HardwareError):
    code = "LoginRefused"
    remedy = "Check the user name, password and privilege level in driver_info."


class RequestRefused(HardwareError):
    code = "RequestRefused"
    remedy = "Look at the event log of the machine, mend the cause, then repeat the request."


class Unsupported(HardwareError):
    code = "Unsupported"
    remedy = "Ask for something that this hardware offers, or choose another interface."


class HardwareTimeout(HardwareError):
    code = "HardwareTimeout"
    remedy = "Look at the machine's console and its BMC, mend the cause, then repeat the request."


def _subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def from_dict(data: dict) -> ProvisionerError:
    """The error that :meth:`ProvisionerError.as_dict` described; unknown codes give the base."""
    # Others' subclasses inherit a code and may take other arguments: they are not meant.
    classes = {cls.code: cls for cls in _subclasses(ProvisionerError) if "code" in vars(cls)}
    cls = classes.get(data.get("code"), ProvisionerError)
    error = cls(data.get("message", ""), remedy=data.get("remedy"), **data.get("where", {}))
    error.code = data.get("code", cls.code)
    return error
