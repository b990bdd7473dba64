import ipaddress

import pytest

from provisioner.simulator.fleet import FleetError, Naming


def test_addresses_skip_network_and_broadcast():
    naming = Naming()
    addresses = [naming.identity(index).address for index in range(1, 1001)]
    assert addresses[0] == "127.77.0.2"
    assert (addresses[248], addresses[249]) == ("127.77.0.250", "127.77.1.1")
    assert len(set(addresses)) == 1000
    assert not {address.rsplit(".", 1)[1] for address in addresses} & {"0", "255"}


def test_macs_and_names_follow_the_number():
    identity = Naming(name_format="rack1-%d").identity(258)
    assert (identity.name, identity.mac) == ("rack1-258", "52:54:00:77:01:02")
    assert identity.wrong_mac == "52:54:00:ff:01:02"


@pytest.mark.parametrize("name_format", ["node", "%d-%d", "%"])
def test_name_format_takes_one_number(name_format):
    with pytest.raises(FleetError, match="name format"):
        Naming(name_format=name_format).identity(1)


def test_too_small_network_is_refused():
    with pytest.raises(FleetError, match="no room"):
        Naming(ipaddress.IPv4Network("127.5.0.0/24")).identity(250)
