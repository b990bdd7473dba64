"""Site designs and tasks over HTTP: ``/api/v1.1``, and ``/api/v1.0`` for Drydock's clients."""
