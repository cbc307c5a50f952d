"""BOTH SIDES: the fields of policy documents that netctl knows and does not enforce: what they are, what to do instead.

A field that stands neither here nor among the known ones is an error of spelling. What stands here is looked at all the
same: a mistake in it is told before the day it is enforced.
"""

from __future__ import annotations

from collections.abc import Mapping

from state.manifest import Json
from state.policy import layer7
from state.policy.dns_names import FQDNS
from state.policy.node import Refusal
from state.policy.shapes import anything, each, fields, one_of, plain_selector, selector, text, texts

Refused = Mapping[str, Refusal]


def _not_empty(value: Json) -> bool:
    return value != []


def _not_disabled(value: Json) -> bool:
    return value != {"mode": "disabled"}


_REQUIRES = Refusal(
    "Cilium has removed it.",
    "Put the further labels into the selectors themselves.",
    each(selector),
    _not_empty,
)
_MUTUAL = "It demands mutual authentication between the two ends."
_WITHOUT = "Remove it, if the rule may hold without it."
_AUTH = Refusal(_MUTUAL, _WITHOUT, fields({"type": text}, required=("type",)))  # as authentication was first called
_AUTHENTICATION = Refusal(
    _MUTUAL,
    _WITHOUT,
    fields({"mode": one_of("required", "disabled", "test-always-fail")}, required=("mode",)),
    _not_disabled,
)
_NODES = Refusal("It selects hosts by their labels.", "Use the entities `host` and `remote-node`.", each(selector))
_GROUPS = Refusal(
    "It asks a cloud provider for addresses.",
    "Write the addresses with CIDR rules.",
    each(
        fields(
            {
                "aws": fields(
                    {
                        "labels": texts,
                        "securityGroupsIds": each(text),
                        "securityGroupsNames": each(text),
                        "region": text,
                    }
                )
            },
            required=("aws",),
        )
    ),
)
_SERVICES = Refusal(
    "Services do not exist in netctl yet.",
    "Select the service's endpoints with toEndpoints.",
    each(
        fields(
            {
                "k8sService": fields({"serviceName": text, "namespace": text}, required=("serviceName",)),
                "k8sServiceSelector": fields({"selector": plain_selector, "namespace": text}, required=("selector",)),
            }
        )
    ),
)
_FQDNS = Refusal(
    "Rules by DNS name need a resolver between the endpoint and its name server.",
    "Allow the addresses with toCIDR.",
    FQDNS,
)

SPEC: Refused = {
    "nodeSelector": Refusal(
        "It makes a host policy: rules for the hosts themselves.",
        "Use endpointSelector for endpoints, and the hosts' own firewall for hosts.",
        anything,
    ),
}
FROM: Refused = {
    "fromNodes": _NODES,
    "fromGroups": _GROUPS,
    "fromRequires": _REQUIRES,
    "authentication": _AUTHENTICATION,
    "auth": _AUTH,
}
TO: Refused = {
    "toNodes": _NODES,
    "toGroups": _GROUPS,
    "toServices": _SERVICES,
    "toFQDNs": _FQDNS,
    "toRequires": _REQUIRES,
    "authentication": _AUTHENTICATION,
    "auth": _AUTH,
}
PORTS: Refused = {
    "rules": Refusal(
        "Rules about HTTP, DNS or Kafka requests need a proxy between the two ends.",
        "Remove them, if the whole port may be allowed.",
        layer7.rules,
        layer7.asks_of_requests,
    ),
    "serverNames": Refusal(
        "It looks into TLS handshakes.", "Remove it, if the whole port may be allowed.", layer7.server_names
    ),
    "terminatingTLS": Refusal(
        "It needs a proxy that ends TLS.", "Remove it, if the whole port may be allowed.", layer7.TLS
    ),
    "originatingTLS": Refusal(
        "It needs a proxy that begins TLS.", "Remove it, if the whole port may be allowed.", layer7.TLS
    ),
    "listener": Refusal(
        "It redirects to an Envoy proxy.", "Remove it, if the whole port may be allowed directly.", layer7.LISTENER
    ),
}
NOT_IN_DENIALS = ("authentication", "auth", "toFQDNs")
"""What only an entry that allows may have; of an item of toPorts, everything in PORTS."""

ENTITIES: Mapping[str, tuple[str, str]] = {
    "kube-apiserver": (
        "There is no Kubernetes API server that netctl could know the address of.",
        "Write its address with a CIDR rule.",
    ),
    "cluster-mesh": ("netctl knows one cluster.", "Use `cluster`."),
}
