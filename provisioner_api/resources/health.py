"""Whether this process can do its work, and how much it does."""

from provisioner.db import conductors, tasks
from provisioner_api.call import Answer, Call, ok


def check(call: Call) -> Answer:
    """``GET /healthcheck``: 200 while the database answers, 503 while it does not."""
    with call.services.database.reader() as tx:
        tx.read_now()
    return ok({"status": "ok"})


def metrics(call: Call) -> Answer:
    """``GET /metrics``, as Prometheus reads it."""
    call.authorize()
    with call.services.database.reader() as tx:
        counted = tasks.count_states(tx)
        alive = len(conductors.live(tx))
    text = call.metrics.text({
        "provisioner_tasks": ("Tasks in each state.", counted),
        "provisioner_conductors": ("Conductors not declared dead.", {"alive": alive})})
    return Answer(200, text, {}, call.metrics.content_type)
