"""Chassis commands (network function 00h): power and boot options."""

from provisioner.simulator.bmc import boot
from provisioner.simulator.bmc.commands import (
    INVALID_DATA,
    NOT_IN_THIS_STATE,
    OPERATOR,
    PARAMETER_NOT_SUPPORTED,
    Call,
    Completion,
    Table,
)

TABLE = Table(0x00)
ACTIONS = {0: "off", 1: "on", 2: "cycle", 3: "reset", 4: "diag", 5: "soft"}
_NEED_POWER = ("cycle", "reset", "diag")


@TABLE.command(0x00)
def get_chassis_capabilities(call: Call) -> bytes:
    return bytes([0, 0x20, 0x20, 0x20, 0x20])


@TABLE.command(0x01)
def get_chassis_status(call: Call) -> bytes:
    """Section 28.2: bit 0 of the first byte is the power."""
    return bytes([1 if call.bmc.machine.power == "on" else 0, 0, 0])


@TABLE.command(0x02, OPERATOR, changes=True)
def chassis_control(call: Call) -> bytes:
    """Section 28.3. Off when off and on when on succeed; the rest needs a machine that is on."""
    machine = call.bmc.machine
    action = ACTIONS.get(call.data[0] & 0x0F)
    call.args["action"] = action
    if machine.faults.refuse:
        raise Completion(machine.faults.refuse)
    if action is None:
        raise Completion(INVALID_DATA)
    if action in _NEED_POWER and machine.power == "off":
        raise Completion(NOT_IN_THIS_STATE)
    machine.boot_options.chassis_controlled()
    if machine.faults.take_acknowledgement():
        call.args["ignored"] = True
    else:
        machine.control(action)
    return b""


@TABLE.command(0x04, OPERATOR)
def chassis_identify(call: Call) -> bytes:
    return b""


@TABLE.command(0x08, OPERATOR, changes=True)
def set_system_boot_options(call: Call) -> bytes:
    """Section 28.12: bit 7 of the first byte marks the parameter invalid, the rest selects it."""
    parameter, data = call.data[0] & 0x7F, call.data[1:]
    call.args.update(parameter=parameter, data=data.hex())
    if parameter not in boot.PARAMETERS:
        raise Completion(PARAMETER_NOT_SUPPORTED)
    if not data:
        return b""
    call.bmc.machine.boot_options.set(parameter, data)
    if parameter == boot.FLAGS:
        call.args.update(call.bmc.machine.boot_options.describe())
    return b""


@TABLE.command(0x09, OPERATOR)
def get_system_boot_options(call: Call) -> bytes:
    """Section 28.13."""
    parameter = call.data[0] & 0x7F
    call.args["parameter"] = parameter
    if parameter not in boot.PARAMETERS:
        raise Completion(PARAMETER_NOT_SUPPORTED)
    return bytes([0x01, parameter]) + call.bmc.machine.boot_options.get(parameter)
