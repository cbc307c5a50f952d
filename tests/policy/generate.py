"""WORKSTATION: random clusters, policy documents and probes, small enough that everything collides with everything."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.policy.clusters import Pod

KEYS, VALUES = ("app", "tier"), ("a", "b", "c")
SPACES = {"default": {}, "shop": {"team": "red"}, "ops": {"team": "blue"}}
NAMES = ("http", "dns")
PORTS = (0, 1, 53, 80, 81, 443, 8080, 65535)
PROTOCOLS = ("TCP", "UDP", "SCTP")
# Blocks in and around the endpoint ranges 10.42.0.0/16 and fd42::/48, and in the world.
BLOCKS: dict[str, tuple[str, ...]] = {
    "0.0.0.0/0": ("10.0.0.0/8", "10.42.0.0/16", "198.51.100.0/24"),
    "10.0.0.0/8": ("10.42.0.0/16", "10.42.1.0/24", "10.96.0.0/12"),
    "10.42.0.0/16": ("10.42.1.0/24", "10.42.1.10/32"),
    "10.42.1.0/24": ("10.42.1.10/32", "10.42.1.0/28"),
    "198.51.100.0/24": ("198.51.100.7/32", "198.51.100.128/25"),
    "198.51.100.7/32": (),
    "203.0.113.0/24": ("203.0.113.12/32",),
    "::/0": ("fd42::/48", "2001:db8::/32"),
    "fd42::/48": ("fd42:0:0:1::/64",),
    "2001:db8::/32": ("2001:db8::7/128",),
}
GROUPS, GROUPED = ("offices", "partners"), ("cidrGroupRef", "cidrGroupSelector")
WORLD = ("10.1.2.3", "10.96.0.1", "198.51.100.7", "198.51.100.200", "203.0.113.99", "2001:db8::7", "2001:db8:9::1")


def labels() -> st.SearchStrategy[dict[str, str]]:
    """An endpoint's labels."""
    return st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=2)


@st.composite
def pods(draw: st.DrawFn) -> list[Pod]:
    """The endpoints of a cluster, on three hosts."""
    count = draw(st.integers(2, 6))
    found: list[Pod] = []
    for number in range(count):
        space = draw(st.sampled_from(sorted(SPACES)))
        ports: dict[str, str] = draw(
            st.dictionaries(st.sampled_from(NAMES), st.sampled_from(("80/TCP", "8080/TCP", "53/UDP")), max_size=2)
        )
        host = draw(st.sampled_from(("alpha", "beta", "gamma")))
        family = draw(st.sampled_from(("both", "both", "ipv4", "ipv6")))
        found.append(Pod(space, f"e{number}", draw(labels()), host, "", ports, SPACES[space], family=family))
    return found


def _expression(keys: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    with_values = st.fixed_dictionaries(
        {
            "key": keys,
            "operator": st.sampled_from(("In", "NotIn")),
            "values": st.lists(values, min_size=1, max_size=2, unique=True),
        }
    )
    without = st.fixed_dictionaries({"key": keys, "operator": st.sampled_from(("Exists", "DoesNotExist"))})
    return st.one_of(with_values, without)


def _selector(keys: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.just({}),
        st.fixed_dictionaries({"matchLabels": st.dictionaries(keys, values, max_size=2)}),
        st.fixed_dictionaries({"matchExpressions": st.lists(_expression(keys, values), min_size=1, max_size=2)}),
    )


def plain() -> st.SearchStrategy[Any]:
    """A selector over endpoints' own labels."""
    return _selector(st.sampled_from(KEYS), st.sampled_from(VALUES))


def _labelled(key: str) -> dict[str, Any]:
    return {"matchLabels": {key: ""}}


def prefixed() -> st.SearchStrategy[Any]:
    """A selector as Cilium allows it, with sources, namespaces and reserved labels."""
    keys = st.sampled_from(
        (
            "app",
            "k8s:app",
            "any:tier",
            "k8s:io.kubernetes.pod.namespace",
            "io.cilium.k8s.namespace.labels.team",
            "io.cilium.k8s.policy.cluster",
        )
    )
    values = st.sampled_from((*VALUES, "shop", "red", "default"))
    reserved = st.sampled_from(("reserved:host", "reserved:world", "reserved:remote-node", "reserved:world-ipv6"))
    special: st.SearchStrategy[Any] = reserved.map(_labelled)
    return st.one_of(plain(), plain(), _selector(keys, values), special)


def _set(name: str) -> st.SearchStrategy[Any]:
    exceptions = st.lists(st.sampled_from(BLOCKS[name]), max_size=2, unique=True) if BLOCKS[name] else st.just([])
    return st.fixed_dictionaries({"cidr": st.just(name)}, optional={"except": exceptions})


def sets() -> st.SearchStrategy[Any]:
    """A block with exceptions."""
    return st.sampled_from(sorted(BLOCKS)).flatmap(_set)


def group_sets() -> st.SearchStrategy[Any]:
    """The blocks of groups, by name or by label, with exceptions that need not lie in any of them."""
    exceptions = st.lists(st.sampled_from(sorted(BLOCKS)), max_size=2, unique=True)
    named = st.fixed_dictionaries({"cidrGroupRef": st.sampled_from(GROUPS)}, optional={"except": exceptions})
    labelled = st.fixed_dictionaries({"cidrGroupSelector": plain()}, optional={"except": exceptions})
    return st.one_of(named, labelled)


@st.composite
def groups(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A CiliumCIDRGroup of each name: some empty, some alike, some labelled."""
    found: list[dict[str, Any]] = []
    for name in GROUPS:
        blocks = draw(st.lists(st.sampled_from(sorted(BLOCKS)), max_size=3))
        metadata = {"name": name, "labels": draw(labels())}
        spec = {"externalCIDRs": blocks}
        found.append({"apiVersion": "cilium.io/v2", "kind": "CiliumCIDRGroup", "metadata": metadata, "spec": spec})
    return found


@st.composite
def cilium_port(draw: st.DrawFn) -> dict[str, Any]:
    """One item of toPorts' ports."""
    found: dict[str, Any] = {}
    if draw(st.integers(0, 3)) == 0:
        found["port"] = draw(st.sampled_from((*NAMES, "nosuch")))
    else:
        first = draw(st.sampled_from(PORTS))
        found["port"] = str(first)
        if first and draw(st.booleans()):
            found["endPort"] = draw(st.sampled_from([port for port in PORTS if port >= first]))
    if draw(st.booleans()):
        found["protocol"] = draw(st.sampled_from((*PROTOCOLS, "ANY")))
    return found


@st.composite
def cilium_entry(draw: st.DrawFn, way: str, denial: bool) -> dict[str, Any]:
    """One entry of ingress, egress or their denials."""
    found: dict[str, Any] = {}
    kind = draw(st.sampled_from(("", "Endpoints", "Endpoints", "CIDR", "CIDRSet", "Entities")))
    entities = ("all", "world", "world-ipv4", "world-ipv6", "cluster", "host", "remote-node", "none")
    some: dict[str, st.SearchStrategy[Any]] = {
        "Endpoints": st.lists(prefixed(), max_size=2),
        "CIDR": st.lists(st.sampled_from(sorted(BLOCKS)), max_size=2),
        "CIDRSet": st.lists(st.one_of(sets(), group_sets()), max_size=2),
        "Entities": st.lists(st.sampled_from(entities), max_size=2),
    }
    if kind:
        found[f"{way}{kind}"] = draw(some[kind])
    what = draw(st.integers(0, 5))
    if what in (1, 2, 3):
        rows: dict[str, st.SearchStrategy[Any]] = {"ports": st.lists(cilium_port(), max_size=3)}
        if not denial:
            rows["rules"] = st.sampled_from(({}, {"http": []}, {"dns": None}))
        row = st.fixed_dictionaries({}, optional=rows)
        found["toPorts"] = draw(st.lists(row, max_size=2))
    elif what == 4:
        one = st.sampled_from(
            (
                {"type": 8},
                {"type": "DestinationUnreachable"},
                {"family": "IPv4", "type": "3"},
                {"family": "IPv6", "type": 1},
                {"family": "IPv6", "type": "EchoRequest"},
            )
        )
        found["icmps"] = [{"fields": draw(st.lists(one, max_size=2))}]
    return found


@st.composite
def cilium_spec(draw: st.DrawFn, subject: str = "endpointSelector") -> dict[str, Any]:
    """A rule of a Cilium policy with at least one entry."""
    found: dict[str, Any] = {subject: draw(plain())}
    sections = draw(
        st.lists(st.sampled_from(("ingress", "egress", "ingressDeny", "egressDeny")), min_size=1, unique=True)
    )
    for place, name in enumerate(sections):
        way = "from" if name.startswith("ingress") else "to"
        found[name] = draw(st.lists(cilium_entry(way, name.endswith("Deny")), min_size=0 if place else 1, max_size=2))
    if draw(st.booleans()):
        found.update(description="d", labels=[{"key": "team", "value": "shop"}], log={"value": "ticket"})
    if draw(st.integers(0, 3)) == 0:
        found["enableDefaultDeny"] = draw(
            st.dictionaries(st.sampled_from(("ingress", "egress")), st.booleans(), max_size=2)
        )
    return found


@st.composite
def host_policies(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Policies about hosts, as plain values."""
    found: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 2))):
        specs = draw(st.lists(cilium_spec("nodeSelector"), min_size=1, max_size=2))
        metadata = {"name": f"h{number}"}
        found.append({"kind": "CiliumClusterwideNetworkPolicy", "metadata": metadata, "specs": specs})
    return found


def hosts_labels() -> st.SearchStrategy[dict[str, dict[str, str]]]:
    """The labels of hosts, by their names."""
    return st.fixed_dictionaries({"alpha": labels(), "beta": labels()})


def _kubernetes_port() -> st.SearchStrategy[Any]:
    protocol = st.fixed_dictionaries({}, optional={"protocol": st.sampled_from(PROTOCOLS)})
    numbers = st.sampled_from([port for port in PORTS if port])
    ranges = st.tuples(numbers, numbers).map(lambda pair: {"port": min(pair), "endPort": max(pair)})
    names = st.sampled_from((*NAMES, "nosuch")).map(lambda name: {"port": name})
    single = numbers.map(lambda number: {"port": number})
    nothing: st.SearchStrategy[dict[str, Any]] = st.just({})
    return st.tuples(st.one_of(nothing, single, single, ranges, names), protocol).map(lambda two: {**two[0], **two[1]})


def _kubernetes_peer() -> st.SearchStrategy[Any]:
    spaces = _selector(
        st.sampled_from(("team", "kubernetes.io/metadata.name")), st.sampled_from(("red", "blue", "shop"))
    )
    block = sets().filter(lambda item: item["cidr"] not in item.get("except", []))
    return st.one_of(
        st.fixed_dictionaries({"podSelector": plain()}),
        st.fixed_dictionaries({"namespaceSelector": spaces}, optional={"podSelector": plain()}),
        st.fixed_dictionaries({"ipBlock": block}),
    )


@st.composite
def kubernetes_spec(draw: st.DrawFn) -> dict[str, Any]:
    """The spec of a NetworkPolicy."""
    found: dict[str, Any] = {"podSelector": draw(plain())}
    for name, way in (("ingress", "from"), ("egress", "to")):
        if draw(st.booleans()):
            entry = st.fixed_dictionaries(
                {},
                optional={
                    way: st.lists(_kubernetes_peer(), max_size=2),
                    "ports": st.lists(_kubernetes_port(), max_size=2),
                },
            )
            found[name] = draw(st.lists(entry, max_size=2))
    if draw(st.booleans()):
        found["policyTypes"] = draw(st.lists(st.sampled_from(("Ingress", "Egress")), max_size=2, unique=True))
    return found


@st.composite
def documents(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Policy documents as plain values, and the groups that they may refer to."""
    found: list[dict[str, Any]] = draw(groups())
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy", "NetworkPolicy")))
        metadata: dict[str, Any] = {"name": f"p{number}"}
        if kind != "CiliumClusterwideNetworkPolicy":
            metadata["namespace"] = draw(st.sampled_from(sorted(SPACES)))
        document: dict[str, Any] = {"kind": kind, "metadata": metadata}
        if kind == "NetworkPolicy":
            document.update(apiVersion="networking.k8s.io/v1", spec=draw(kubernetes_spec()))
        elif draw(st.booleans()):
            document.update(apiVersion="cilium.io/v2", spec=draw(cilium_spec()))
        else:
            document.update(apiVersion="cilium.io/v2", specs=draw(st.lists(cilium_spec(), min_size=1, max_size=2)))
        found.append(document)
    return found


PROBES = [(protocol, port) for protocol in PROTOCOLS for port in (53, 80, 443, 60000)] + [("ICMP", 8), ("ICMP", 3)]
