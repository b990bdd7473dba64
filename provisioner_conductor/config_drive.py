"""Config drives: an ISO 9660 image labelled ``config-2``, as cloud-init's ConfigDrive reads it."""

import base64
import gzip
import io
import json
from typing import Any

import pycdlib

_FOLDER = "openstack/latest"
#: names on the plain ISO layer, which has 8.3 in capitals only; readers use Joliet or Rock Ridge
_PLAIN = {"meta_data.json": "META.JSN", "user_data": "USER.DAT", "network_data.json": "NET.JSN"}


def build(meta_data: dict[str, Any], user_data: str, network_data: dict[str, Any] | None = None
          ) -> str:
    """The drive as the ramdisk agent takes it: gzip, then base64."""
    files = {"meta_data.json": json.dumps(meta_data, sort_keys=True), "user_data": user_data}
    if network_data is not None:
        files["network_data.json"] = json.dumps(network_data, sort_keys=True)
    return base64.b64encode(gzip.compress(_iso(files), mtime=0)).decode()


def _iso(files: dict[str, str]) -> bytes:
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=1, joliet=3, rock_ridge="1.09", vol_ident="config-2")
    try:
        plain, real = "", ""
        for name in _FOLDER.split("/"):
            plain, real = f"{plain}/{name[:8].upper()}", f"{real}/{name}"
            iso.add_directory(plain, rr_name=name, joliet_path=real)
        for name, text in files.items():
            data = text.encode()
            iso.add_fp(io.BytesIO(data), len(data), f"{plain}/{_PLAIN[name]};1", rr_name=name,
                       joliet_path=f"{real}/{name}")
        written = io.BytesIO()
        iso.write_fp(written)
        return written.getvalue()
    finally:
        iso.close()
