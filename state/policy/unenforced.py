"""BOTH SIDES: the fields of policy documents that netctl knows and does not enforce: what they are, what to do instead.

A field that stands neither here nor among the known ones is an error of spelling.
"""

from __future__ import annotations

from collections.abc import Mapping

Refused = Mapping[str, tuple[str, str]]

SPEC: Refused = {
    "nodeSelector": (
        "It makes a host policy: rules for the hosts themselves.",
        "Use endpointSelector for endpoints, and the hosts' own firewall for hosts.",
    ),
    "log": (
        "It puts a text into every verdict's event; netctl's events name the line of the rule instead.",
        "Remove it, or write it as `description`.",
    ),
}

_NAMES = (
    "Rules by DNS name need a resolver between the endpoint and its name server.",
    "Allow the addresses with toCIDR.",
)
_GROUPS = ("It asks a cloud provider for addresses.", "Write the addresses with CIDR rules.")
_REQUIRES = (
    "Cilium has removed it.",
    "Put the further labels into the selectors themselves.",
)
_AUTHENTICATION = (
    "It demands mutual authentication between the two ends.",
    "Remove it, if the rule may hold without it.",
)
_NODES = ("It selects hosts by their labels.", "Use the entities `host` and `remote-node`.")

FROM: Refused = {
    "fromRequires": _REQUIRES,
    "fromNodes": _NODES,
    "fromGroups": _GROUPS,
    "authentication": _AUTHENTICATION,
    "auth": _AUTHENTICATION,
}
TO: Refused = {
    "toRequires": _REQUIRES,
    "toServices": ("Services do not exist in netctl yet.", "Select the service's endpoints with toEndpoints."),
    "toFQDNs": _NAMES,
    "toNodes": _NODES,
    "toGroups": _GROUPS,
    "authentication": _AUTHENTICATION,
    "auth": _AUTHENTICATION,
}
PORTS: Refused = {
    "rules": (
        "Rules about HTTP, DNS or Kafka requests need a proxy between the two ends.",
        "Remove them, if the whole port may be allowed.",
    ),
    "serverNames": ("It looks into TLS handshakes.", "Remove it, if the whole port may be allowed."),
    "terminatingTLS": ("It needs a proxy that ends TLS.", "Remove it, if the whole port may be allowed."),
    "originatingTLS": ("It needs a proxy that begins TLS.", "Remove it, if the whole port may be allowed."),
    "listener": ("It redirects to an Envoy proxy.", "Remove it, if the whole port may be allowed directly."),
}
ENTITIES: Refused = {
    "kube-apiserver": (
        "There is no Kubernetes API server that netctl could know the address of.",
        "Write its address with a CIDR rule.",
    ),
    "cluster-mesh": ("netctl knows one cluster.", "Use `cluster`."),
}
