"""``openstack provisioner ...``: the same commands as a plug-in of python-openstackclient.

The names here (``API_NAME``, ``make_client`` ...) are those that osc-lib looks for.
"""

import os

from provisioner.cli.client import Client

API_NAME = "provisioner"
API_VERSION_OPTION = "os_provisioner_api_version"
API_VERSIONS = {"1": "provisioner.cli.client.Client"}
DEFAULT_API_VERSION = "1"
#: looked for in Keystone's catalogue, in this order
SERVICE_TYPES = ("provisioner", "baremetal")


def make_client(instance) -> Client:
    """The client of an ``openstack`` session, which says who asks for each request anew."""
    url = instance.get_configuration().get("provisioner_url") or os.environ.get("PROVISIONER_URL")
    for service_type in SERVICE_TYPES:
        url = url or instance.get_endpoint_for_service_type(
            service_type, region_name=instance.region_name, interface=instance.interface)
    return Client(url or "", lambda: instance.session.get_auth_headers() or {})


def build_option_parser(parser):
    """Options of the whole ``openstack`` command."""
    parser.add_argument("--os-provisioner-api-version", metavar="<version>",
                        default=os.environ.get("OS_PROVISIONER_API_VERSION",
                                               DEFAULT_API_VERSION),
                        help="version of the provisioner's commands (1)")
    parser.add_argument("--provisioner-url", metavar="<url>", dest="provisioner_url",
                        default=os.environ.get("PROVISIONER_URL"),
                        help="where the service listens, in place of Keystone's catalogue "
                             "(PROVISIONER_URL)")
    return parser
