"""Nodes of a Kubernetes cluster, by the project's official client.

The library owns its sockets, so the caller's check runs immediately before a call; a change is one
patch that is harmless to repeat, and is never sent twice by the library itself.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import kubernetes
import urllib3
import yaml
from kubernetes import client

from provisioner import exceptions

#: names the labels that were set here, so that those can be taken away again and no others
OWNED = "provisioner.labels"
_REMEDY = "Set [kubernetes] kubeconfig, or api_url and token_file."


@dataclasses.dataclass(frozen=True)
class Request:
    """One request about one node of the cluster.

    :ivar labels: of a change: name to value, None to take it away; None only reads
    :ivar owned: names that are ours after the change
    """

    node: str
    labels: Mapping[str, str | None] | None = None
    owned: tuple[str, ...] = ()


class KubernetesPool:
    """Ways to clusters; a :class:`provisioner.drivers.base.TransportPool`. Keeps nothing open."""

    def transport(self, settings: Mapping[str, Any]) -> "KubernetesTransport":
        """The way to the cluster of the options of group ``kubernetes``.

        :raises InvalidSetting: if they name none, or cannot be used
        """
        try:
            return KubernetesTransport(_client(settings))
        except (kubernetes.config.ConfigException, OSError, yaml.YAMLError) as error:
            raise exceptions.InvalidSetting(
                f"The way to Kubernetes cannot be used: {error}.", remedy=_REMEDY) from error

    def close(self) -> None:
        """Nothing is kept."""


def _client(settings: Mapping[str, Any]) -> client.ApiClient:
    made = client.Configuration()
    if settings.get("kubeconfig"):
        kubernetes.config.load_kube_config(
            settings["kubeconfig"], settings.get("context"), made, persist_config=False)
    elif settings.get("api_url"):
        made.host = settings["api_url"].rstrip("/")
        if settings.get("token_file"):
            token = pathlib.Path(settings["token_file"]).read_text(encoding="utf-8").strip()
            made.api_key["authorization"] = f"Bearer {token}"
    else:
        raise exceptions.InvalidSetting("No Kubernetes cluster is configured.", remedy=_REMEDY)
    if settings.get("ca_file"):
        made.ssl_ca_cert = settings["ca_file"]
    made.verify_ssl = bool(settings.get("verify", True))
    # False, not 0: an error then keeps its kind, and nothing is ever sent again.
    made.retries = False
    return client.ApiClient(made)


class KubernetesTransport:
    """The way to one cluster; a :class:`provisioner.drivers.base.Transport`."""

    def __init__(self, api: client.ApiClient):
        self._api = api

    def exchange(self, request: Request, timeout: float, check: Callable[[], None]) -> dict:
        """``{"labels": {name: value}, "owned": [names]}`` of the node as it then is.

        :raises Unreachable: no answer, or one that says to come back
        :raises LoginRefused: the cluster knows us not, or lets us not
        :raises NotFound: the cluster has no such node
        :raises Invalid: a label that Kubernetes cannot have
        """
        core = client.CoreV1Api(self._api)
        check()
        try:
            if request.labels is None:
                found = core.read_node(request.node, _request_timeout=timeout)
            else:
                found = core.patch_node(request.node, _patch(request), _request_timeout=timeout)
        except client.ApiException as error:
            raise self._refused(request.node, error) from error
        except urllib3.exceptions.HTTPError as error:
            raise exceptions.Unreachable(
                f"The Kubernetes API at {self._api.configuration.host} does not answer: {error}.",
                remedy="Check the address, and that the API server is up.") from error
        finally:
            self._api.rest_client.pool_manager.clear()
        owned = (found.metadata.annotations or {}).get(OWNED, "")
        return {"labels": dict(found.metadata.labels or {}),
                "owned": [name for name in owned.split(",") if name]}

    def _refused(self, node: str, error: client.ApiException) -> exceptions.ProvisionerError:
        where = {"status": error.status, "node": node}
        if error.status in (401, 403):
            return exceptions.LoginRefused(
                f"Kubernetes refuses us with {error.status} {error.reason}.",
                remedy="Check the token, and that its role may get and patch nodes.", **where)
        if error.status == 404:
            return exceptions.NotFound(
                f"The Kubernetes cluster has no node {node}.",
                remedy="Let it join the cluster under that name, then retry the task.", **where)
        if error.status in (400, 422):
            return exceptions.Invalid(
                f"Kubernetes refuses the labels of node {node}: {_told(error)}.",
                remedy="Mend owner_data in the node's documents: labels have 63 characters at "
                       "most, letters, digits, '-', '_' and '.'.", **where)
        return exceptions.Unreachable(
            f"The Kubernetes API answers {error.status} {error.reason}.",
            remedy="Look at the API server's log.", **where)


def _patch(request: Request) -> dict:
    return {"metadata": {"labels": dict(request.labels or {}),
                         "annotations": {OWNED: ",".join(sorted(request.owned)) or None}}}


def _told(error: client.ApiException) -> str:
    """What the answer says, as far as it is in the usual form."""
    try:
        return str(yaml.safe_load(error.body or "")["message"])[:300]
    except (yaml.YAMLError, KeyError, TypeError):
        return str(error.reason)
