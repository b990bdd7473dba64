"""The small example site with boot actions of every kind for one of its nodes."""

from provisioner.db import designs
from provisioner.site import documents
from provisioner.site.validate import validate
from tests.cluster_site import small_site

NODE = "node-001"
ACTIONS = """
---
schema: drydock/BootAction/v1
metadata: {schema: metadata/Document/v1, name: join}
data:
  signaling: true
  node_filter:
    filter_set_type: union
    filter_set: [{filter_type: union, node_names: [node-001]}]
  assets:
    - type: unit
      path: /etc/systemd/system/join.service
      permissions: "644"
      data: |
        [Service]
        ExecStart=/opt/join {{ node.hostname }}.{{ node.domain }} {{ action.report_url }}{{ action.action_id }}
      data_pipeline: [utf8_decode, template]
    - type: file
      path: /opt/join
      permissions: "755"
      data: IyEvYmluL3NoCg==
      data_pipeline: [base64_decode]
    - type: file
      path: /etc/join.conf
      data: "ip={{ node.network.default.ip }} key={{ action.action_key }}\\n"
      data_pipeline: [utf8_decode, template, utf8_encode]
    - type: pkg_list
      data: {curl: null, jq: "1.6-2"}
"""  # noqa: E501


def site_with_actions(text: str = ACTIONS, names=(NODE, "node-002")) -> designs.NewDesign:
    whole = small_site(names).documents + text
    design = validate(documents.load(whole, "design"))
    assert design.valid, design.findings
    return designs.NewDesign(design.digest, whole, "design")
