"""A dozen calls from the API to the conductors. They carry identifiers and plain data.

Only modules of this package import oslo.messaging: it brings oslo.service, which must be told to
use native threads before anything else of it is loaded.
"""

from oslo_service import backend

backend.init_backend(backend.BackendType.THREADING)
