"""The services that tests are given: each test's own, empty, and able to stop and start."""

import socket
import threading

import kombu
import pytest
import sqlalchemy

TABLE = sqlalchemy.Table("things", sqlalchemy.MetaData(),
                         sqlalchemy.Column("name", sqlalchemy.String(32), primary_key=True))


def put_message(url, text):
    with kombu.Connection(url.replace("rabbit://", "amqp://")) as connection:
        connection.SimpleQueue("things").put(text)


def get_message(url):
    with kombu.Connection(url.replace("rabbit://", "amqp://")) as connection:
        message = connection.SimpleQueue("things").get(timeout=10)
        message.ack()
        return message.payload


@pytest.mark.parametrize("turn", [1, 2])
def test_database_is_empty_and_takes_tables(database_url, turn):
    engine = sqlalchemy.create_engine(database_url)
    assert sqlalchemy.inspect(engine).get_table_names() == []
    TABLE.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(TABLE.insert().values(name="räck"))
        assert connection.execute(sqlalchemy.select(TABLE)).all() == [("räck",)]
    engine.dispose()


@pytest.fixture
def left_open():
    """Connections to close after everything else; to be asked for before the database is."""
    connections = []
    yield connections
    for connection in connections:
        connection.invalidate()
        connection.close()


def test_database_is_dropped_under_a_forgotten_transaction(left_open, database_url):
    engine = sqlalchemy.create_engine(database_url)
    TABLE.metadata.create_all(engine)
    left_open.append(engine.connect())
    # Were the drop to wait for the end of this transaction, the test would time out.
    left_open[0].execute(TABLE.insert().values(name="left open"))


@pytest.mark.parametrize("turn", [1, 2])
def test_virtual_host_carries_messages_and_is_fresh(rabbitmq_url, turn):
    with kombu.Connection(rabbitmq_url.replace("rabbit://", "amqp://")) as connection:
        assert connection.SimpleQueue("things").qsize() == 0
    put_message(rabbitmq_url, f"turn {turn}")
    with kombu.Connection(rabbitmq_url.replace("rabbit://", "amqp://")) as connection:
        assert connection.SimpleQueue("things").qsize() == 1
    assert get_message(rabbitmq_url) == f"turn {turn}"


@pytest.mark.services
@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
def test_database_service_keeps_data_and_url_over_a_restart(private_service, name):
    service = private_service(name)
    url = sqlalchemy.make_url(service.url)
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT",
                                      poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE things")
    service.run("stop")
    with pytest.raises(sqlalchemy.exc.OperationalError):
        engine.connect()
    service.run("start")
    assert sqlalchemy.make_url(service.url) == url
    with sqlalchemy.create_engine(url.set(database="things")).connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


@pytest.mark.services
def test_bus_service_keeps_messages_and_url_over_a_restart(private_service):
    service = private_service("rabbitmq")
    url = service.url
    put_message(url, "kept")
    service.run("restart")
    assert service.url == url
    assert get_message(url) == "kept"


def test_eventually_waits_for_another_thread(eventually):
    flag = threading.Event()
    timer = threading.Timer(0.05, flag.set)
    timer.start()
    assert eventually(flag.is_set, timeout=10)
    timer.join()


def test_eventually_fails_at_its_deadline(eventually):
    with pytest.raises(pytest.fail.Exception, match="the moon.*last: 0"):
        eventually(lambda: 0, timeout=0.05, message="the moon")


def test_free_ports_are_distinct_and_free(free_port):
    ports = [free_port() for _ in range(20)]
    assert len(set(ports)) == 20
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", ports[0]))
    with socket.socket(type=socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", free_port(socket.SOCK_DGRAM)))
