import datetime
import ipaddress
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from provisioner import exceptions
from provisioner.clock import Clock
from provisioner.drivers.clients.agent import AgentPool, Request
from tests.unit.drivers import agents

STATUS = Request("GET", "/v1/status")


@pytest.fixture
def agent():
    with agents.agent() as running:
        yield running


@pytest.fixture
def pool():
    return AgentPool(Clock())


def ask(pool, settings, request=STATUS, check=lambda: None, timeout=5.0):
    return pool.transport(settings).exchange(request, timeout, check)


def test_the_answer_is_the_body_and_the_token_goes_along(agent, pool):
    agent.answers = [(200, {"hello": 1})]
    request = Request("POST", "/v1/commands/", {"name": "x.y"}, {"wait": "false"})
    assert ask(pool, agent.settings, request) == {"hello": 1}
    assert agent.requests == [("POST", "/v1/commands/", {"wait": "false"}, {"name": "x.y"})]


def test_a_wrong_token_is_a_refused_login(agent, pool):
    with pytest.raises(exceptions.LoginRefused):
        ask(pool, {**agent.settings, "agent_token": "another"})


def test_busy_is_a_refusal_that_says_so(agent, pool):
    agent.answers = [(409, {"message": "agent is busy"})]
    with pytest.raises(exceptions.RequestRefused, match="agent is busy") as caught:
        ask(pool, agent.settings)
    assert caught.value.where["busy"] is True


@pytest.mark.parametrize("status, data", [(400, {"faultstring": "why"}), (404, b"<html>"),
                                          (500, None), (200, b"no json")])
def test_other_failures_are_refusals(agent, pool, status, data):
    agent.answers = [(status, data)]
    with pytest.raises(exceptions.RequestRefused) as caught:
        ask(pool, agent.settings)
    assert "busy" not in caught.value.where


def test_nobody_listening_is_unreachable_and_not_sent(free_port, pool):
    with pytest.raises(exceptions.Unreachable) as caught:
        ask(pool, {"agent_url": f"http://127.0.0.1:{free_port()}", "agent_token": "t0ken"})
    assert caught.value.where["sent"] is False
    assert "t0ken" not in str(caught.value.as_dict())


def test_a_connection_that_dies_is_unreachable_and_sent(agent, pool):
    agent.answers = [(None, None)]
    with pytest.raises(exceptions.Unreachable) as caught:
        ask(pool, agent.settings)
    assert caught.value.where["sent"] is True


def test_an_agent_that_never_answers_is_unreachable(agent, pool):
    ended = threading.Event()
    agent.answers = [lambda: (ended.wait(10), (200, {}))[1]]
    try:
        with pytest.raises(exceptions.Unreachable) as caught:
            ask(pool, agent.settings, timeout=0.1)
    finally:
        ended.set()
    assert caught.value.where["sent"] is True


@pytest.mark.parametrize("url", [None, "", "ftp://host", "nonsense"])
def test_before_the_first_heartbeat_there_is_no_agent(pool, url):
    with pytest.raises(exceptions.Unreachable):
        pool.transport({"agent_url": url})


def test_nothing_is_sent_once_the_check_refuses(agent, pool):
    def lost():
        raise exceptions.LeaseLost("")
    with pytest.raises(exceptions.LeaseLost):
        ask(pool, agent.settings, check=lost)
    assert agent.requests == []


def test_one_request_at_a_time_per_agent(agent, pool):
    started, ended = threading.Event(), threading.Event()
    agent.answers = [lambda: (started.set(), ended.wait(10), (200, 1))[2], (200, 2)]
    found = []
    first = threading.Thread(target=lambda: found.append(ask(pool, agent.settings, timeout=10)))
    first.start()
    assert started.wait(10)
    with pytest.raises(exceptions.HardwareTimeout):
        ask(pool, agent.settings, timeout=0.05)
    ended.set()
    first.join()
    assert found == [1] and ask(pool, agent.settings) == 2


def self_signed(folder):
    """Path of a key with its certificate for 127.0.0.1, and the certificate as PEM text."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ramdisk")])
    now = datetime.datetime.now(datetime.UTC)
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now,
        now + datetime.timedelta(days=1)).add_extension(addresses, True).sign(key, hashes.SHA256())
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    path = folder / "ramdisk.pem"
    path.write_bytes(pem + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    return path, pem.decode()


def test_exactly_the_certificate_that_the_agent_has_told_is_trusted(tmp_path, pool):
    (tmp_path / "other").mkdir()
    path, pem = self_signed(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path)
    with agents.agent(tls) as agent:
        agent.answers = [(200, "hello")]
        assert ask(pool, {**agent.settings, "agent_verify_ca": pem}) == "hello"
        for other in (None, self_signed(tmp_path / "other")[1]):
            with pytest.raises(exceptions.Unreachable, match="certificate"):
                ask(pool, {**agent.settings, "agent_verify_ca": other})
    assert len(agent.requests) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:9999/a b", "http://127.0.0.1:port", "http://[",
                                 "http://127.0.0.1:9/\u00e9", "http://:80"])
def test_a_url_that_is_none_is_refused_without_telling_the_token(pool, url):
    with pytest.raises(exceptions.RequestRefused) as refused:
        ask(pool, {"agent_url": url, "agent_token": "the-token"})
    assert "the-token" not in str(refused.value.as_dict())
