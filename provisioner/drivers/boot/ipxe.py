"""Boot by iPXE: firmware fetches a script, and from it a kernel and a ramdisk.

Scripts are pure text of the node's settings; the engine stores them and the API serves them.
"""

from provisioner import exceptions
from provisioner.drivers import base

#: parameters that a script sets itself; a setting that repeats them would be ambiguous
_OWN_PARAMETERS = frozenset({"ipa-api-url"})


class IpxeBoot(base.BootInterface):
    """Boots the deploy ramdisk from two URLs and hands it the API's address."""

    settings = (
        base.Setting("deploy_kernel", "URL of the deploy ramdisk's kernel.", kind="url",
                     required=True),
        base.Setting("deploy_ramdisk", "URL of the deploy ramdisk's initial file system.",
                     kind="url", required=True),
        base.Setting("kernel_append_params", "Further kernel parameters for the deploy ramdisk, "
                                             "separated by blanks.", default=""),
    )

    def validate(self, node: base.NodeView) -> None:
        """Also refuse what would break out of its line in the script."""
        for name, value in self._values(node).items():
            if any(ord(letter) < 32 for letter in value):
                raise _wrong(name, "contains a control character")
        for name in ("deploy_kernel", "deploy_ramdisk"):
            self._check_url(name, node.driver_info[name])
        for word in self._values(node)["kernel_append_params"].split():
            if word.partition("=")[0] in _OWN_PARAMETERS:
                raise _wrong("kernel_append_params", f"sets {word.partition('=')[0]}, which is "
                             "set by the service")

    def ramdisk_script(self, node: base.NodeView, boot: base.RamdiskBoot) -> str:
        """
        :raises InvalidSetting: if a URL is missing or wrong
        """
        self.validate(node)
        values = self._values(node)
        words = [f"ipa-api-url={boot.api_url}", *boot.kernel_params,
                 *values["kernel_append_params"].split()]
        return ("#!ipxe\n"
                f"kernel {values['deploy_kernel']} {' '.join(words)}\n"
                f"initrd {values['deploy_ramdisk']}\n"
                "boot\n")

    def local_script(self, node: base.NodeView) -> str:
        return "#!ipxe\nexit\n"

    def _values(self, node: base.NodeView) -> dict[str, str]:
        given = {name: value for name, value in node.driver_info.items() if value != ""}
        return base.check_settings(self.settings, given)

    @staticmethod
    def _check_url(name: str, url: str) -> None:
        scheme, separator, rest = url.partition("://")
        if scheme not in ("http", "https", "tftp") or not separator or not rest or " " in url:
            raise _wrong(name, "is not a URL that firmware can fetch (http, https or tftp)")


def _wrong(name: str, what: str) -> exceptions.InvalidSetting:
    return exceptions.InvalidSetting(f"driver_info/{name} {what}.", setting=name,
                                     remedy="Correct the node's driver_info.")
