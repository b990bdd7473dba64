import pytest

from provisioner import exceptions
from provisioner.drivers.clients import rmcp_codes as codes
from provisioner.drivers.clients.rmcp_wire import Answer, Request

STATUS = Request(0, 1)


def test_success_gives_the_data():
    assert codes.check(STATUS, Answer(1, 1, 0, 0, b"\x01"), "bmc") == b"\x01"


@pytest.mark.parametrize("code, error", [
    (0xC1, exceptions.Unsupported), (0xC2, exceptions.Unsupported), (0xD6, exceptions.Unsupported),
    (0xC3, exceptions.HardwareTimeout), (0xCE, exceptions.HardwareTimeout),
    (0xC9, exceptions.RequestRefused), (0xD5, exceptions.RequestRefused),
    (0x80, exceptions.RequestRefused), (0xFF, exceptions.RequestRefused)])
def test_completion_codes_are_told_apart_by_cause(code, error):
    with pytest.raises(error) as caught:
        codes.check(STATUS, Answer(1, 1, 0, code, b""), "bmc1")
    assert type(caught.value) is error
    assert caught.value.where == {"address": "bmc1", "completion_code": code}


@pytest.mark.parametrize("status, error", [
    (0x0D, exceptions.LoginRefused), (0x02, exceptions.LoginRefused),
    (0x0F, exceptions.LoginRefused), (0x09, exceptions.LoginRefused),
    (0x01, exceptions.RequestRefused), (0x12, exceptions.RequestRefused),
    (0x77, exceptions.RequestRefused)])
def test_login_status_codes_are_told_apart_by_cause(status, error):
    assert type(codes.login_error(status, "bmc1")) is error


@pytest.mark.parametrize("error, again", [
    (codes.login_error(0x01, "bmc"), True), (codes.login_error(0x12, "bmc"), False),
    (exceptions.RequestRefused("", completion_code=0xC0), True),
    (exceptions.RequestRefused("", completion_code=0xD5), False)])
def test_only_what_passes_by_itself_is_asked_again(error, again):
    assert codes.passing(error) is again
