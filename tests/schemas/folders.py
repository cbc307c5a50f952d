"""A small valid manifest, and how a test writes it with something else in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from state.problem import Problem

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOmUkz/dnXwykj5yBsevuZtIqIcwSbP2Ts+wIWK4Iz+O"

MAIN = f"""\
cluster: {{name: shop, id: 1}}
network: {{mode: overlay}}
ranges:
  endpoints: {{ipv4: 10.42.0.0/16, ipv6: "fd42::/48"}}
hosts:
  alpha: {{address: 203.0.113.11, ssh: {{hostKey: {KEY}}}}}
  beta: {{address: 203.0.113.12, ssh: {{hostKey: {KEY}}}}}
namespaces:
  shop: {{}}
endpoints:
  web: {{host: alpha, namespace: shop, labels: {{app: web}}, attach: {{netns: web}}}}
  db: {{host: beta, namespace: shop, labels: {{app: db}}, attach: {{netns: db}}}}
assertions:
  - {{from: shop/web, to: shop/db, port: 80/TCP, expect: allow}}
"""

POLICY = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress:
    - fromEndpoints:
        - matchLabels: {app: web}
"""


def write(folder: Path, edits: Mapping[str, str], files: Mapping[str, str]) -> Path:
    """The valid manifest with pieces of netctl.yaml replaced, and with further files."""
    main = MAIN
    for old, new in edits.items():
        assert main.count(old) == 1, f"{old!r} stands {main.count(old)} times in the manifest"
        main = main.replace(old, new)
    for name, text in {"netctl.yaml": main, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("latin-1" if "\xff" in text else "utf-8"))
    return folder


def told(problem: Problem) -> str:
    """A problem as plain lines: the place and the sentence, the offending line, then what to do."""
    lines = [f"{problem.source}: {problem.severity}: {problem.summary}"]
    if problem.snippet:
        lines.append(f"  {problem.snippet.strip()}")
    if problem.detail:
        lines.append(f"  > {problem.detail}")
    return "\n".join(lines)
