"""Errors cross the bus and the API as plain data, and come out as what they were."""

import pytest

from provisioner import exceptions
from provisioner_api import errors

ERRORS = [exceptions.NodeBusy("Busy.", node="n1"),
          exceptions.InvalidSetting("Wrong.", remedy="Set."),
          exceptions.HardwareTimeout("Late."), exceptions.ProvisionerError("A bug.")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_an_error_comes_back_as_it_was(error):
    back = exceptions.from_dict(error.as_dict())
    assert type(back) is type(error) and back.as_dict() == error.as_dict()


def test_a_code_that_a_subclass_inherits_is_its_own_class():
    assert issubclass(errors.Answered, exceptions.ProvisionerError)
    assert type(exceptions.from_dict({"code": "InternalError", "message": "x", "remedy": "y"})
                ) is exceptions.ProvisionerError


def test_a_code_of_a_newer_release_is_kept():
    back = exceptions.from_dict({"code": "Novel", "message": "New.", "where": {"node": "n"}})
    assert (back.code, back.message, back.where) == ("Novel", "New.", {"node": "n"})


@pytest.mark.parametrize("kind", [exceptions.Invalid, *exceptions.Invalid.__subclasses__(),
                                  *exceptions.HardwareError.__subclasses__()],
                         ids=lambda kind: kind.__name__)
def test_what_a_person_can_do_is_said(kind):
    assert kind("x").remedy.endswith(".")
