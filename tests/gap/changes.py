"""A fleet's manifests, one after the other: each differs from the one before by what a person might change in one go.

The walk is drawn once from a fixed seed, so that it is data: the same changes on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.gap.story import HOME, HOSTS, Document, Labels, Story

SEED = 426
APPS = ("web", "db", "aux")
CROWD = 9
QUARANTINE = "quarantine"
OPEN = "open-ingress"
TIERS = ("front", "back")
RELEASES = tuple(f"r{number}" for number in range(1, 9))

SELECTORS: tuple[Document, ...] = (
    {},
    {},
    {"matchLabels": {"app": "web"}},
    {"matchLabels": {"app": "db"}},
    {"matchLabels": {"app": "aux"}},
    {"matchLabels": {"tier": "front"}},
    {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["back"]}]},
    {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "db"]}]},
    {"matchExpressions": [{"key": "release", "operator": "Exists"}]},
)
PORTS: tuple[Document | None, ...] = (
    None,
    None,
    None,
    {"ports": [{"port": "7001", "protocol": "TCP"}, {"port": "7001", "protocol": "UDP"}]},
    {"ports": [{"port": "7001", "endPort": 7002, "protocol": "ANY"}]},
    {"ports": [{"port": "7002", "protocol": "UDP"}, {"port": "7003", "protocol": "TCP"}]},
    {"ports": [{"port": "7000", "endPort": 7300, "protocol": "TCP"}]},
    {"ports": [{"port": "7003", "protocol": "UDP"}]},
)
BLOCKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("203.0.113.0/24", ()),
    ("203.0.113.192/26", ()),
    ("203.0.113.192/26", ("203.0.113.240/28",)),
    ("203.0.113.128/25", ("203.0.113.200/29",)),
    ("203.0.113.250/32", ()),
    ("198.51.100.0/24", ()),
    ("198.51.100.16/28", ()),
    ("0.0.0.0/0", ("203.0.113.0/24",)),
    ("2001:db8:fa::/48", ()),
    ("2001:db8:fa::/64", ("2001:db8:fa::10/124",)),
    ("::/0", ()),
)


def walk(seed: int = SEED) -> Iterator[Story]:
    """Manifest after manifest, each another one than the one before, without an end."""
    draw = random.Random(seed)
    story = first()
    yield story
    while True:
        told, change = draw.choice(CHANGES)
        if story.told == "a quarantine":
            told, change = "a quarantine at the other end", _turned
        elif QUARANTINE in story.policies:
            told, change = "a quarantine ended", _released
        elif len(story.policies) > CROWD:
            told, change = "a policy removed", _remove
        following = change(story, draw)
        if following != story:
            story = replace(following, told=told)
            yield story


def first() -> Story:
    """Where the walk begins: everybody is isolated, and may speak with everybody in the namespace."""
    labels = {name: {"app": name[:-2], "tier": TIERS[name.startswith("db")]} for name in HOME}
    return Story(labels, dict([policy(OPEN, "", ingress=[{"fromEndpoints": [{}]}])]))


def policy(name: str, app: str, **sections: Any) -> tuple[str, Document]:
    """A policy about an app, or about everybody."""
    selector = {"matchLabels": {"app": app}} if app else {}
    return name, {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"endpointSelector": selector, **sections},
    }


def _allow(
    app: str, number: int, direction: str, peer: Document, ports: Document | None, word: str = "allow"
) -> tuple[str, Document]:
    ends = "fromEndpoints" if direction == "ingress" else "toEndpoints"
    rule = {ends: [peer], **({"toPorts": [ports]} if ports else {})}
    section = direction if word == "allow" else f"{direction}Deny"
    return policy(f"{word}-{direction}-{app}-{number}", app, **{section: [rule]})


def _put(story: Story, *entries: tuple[str, Document]) -> Story:
    return replace(story, policies={**story.policies, **dict(entries)})


def _without(story: Story, name: str) -> Story:
    return replace(story, policies={key: value for key, value in story.policies.items() if key != name})


def _new_allow(story: Story, draw: random.Random) -> Story:
    direction = draw.choice(("ingress", "ingress", "egress"))
    return _put(
        story, _allow(draw.choice(APPS), draw.randint(1, 3), direction, draw.choice(SELECTORS), draw.choice(PORTS))
    )


def _deny(story: Story, draw: random.Random) -> Story:
    """There is one at a time: denials are many enough as it is."""
    peer, ports = draw.choice(SELECTORS[2:]), draw.choice(PORTS[3:])
    before = next((name for name in story.policies if name.startswith("deny")), "")
    return _put(
        _without(story, before), _allow(draw.choice(APPS), 1, draw.choice(("ingress", "egress")), peer, ports, "deny")
    )


def _remove(story: Story, draw: random.Random) -> Story:
    named = [name for name in sorted(story.policies) if name != OPEN]
    return _without(story, draw.choice(named)) if named else story


def _remove_any(story: Story, draw: random.Random) -> Story:
    return _without(story, draw.choice(sorted(story.policies))) if story.policies else story


def _one_for_another(story: Story, draw: random.Random) -> Story:
    """An allow goes, and another comes in the same change that says the same in other words."""
    named = [name for name in sorted(story.policies) if name.startswith("allow-ingress")]
    if not named:
        return story
    gone = draw.choice(named)
    _, direction, app, number = gone.split("-")
    rule: dict[str, Any] = story.policies[gone]["spec"][direction][0]
    peer, ports = rule["fromEndpoints"][0], rule.get("toPorts", [None])[0]
    return _put(_without(story, gone), _allow(app, int(number) % 3 + 1, direction, _in_other_words(peer), ports))


def _in_other_words(selector: Document) -> Document:
    """Another selector that selects the same endpoints of the namespace."""
    labels: Labels = selector.get("matchLabels", {})
    wanted: list[Document] = [{"key": key, "operator": "In", "values": [value]} for key, value in labels.items()]
    wanted += selector.get("matchExpressions", [])
    return {"matchExpressions": [*wanted, {"key": "app", "operator": "Exists"}]}


def _relabel(story: Story, draw: random.Random, key: str, values: tuple[str, ...]) -> Story:
    return _with_label(story, draw.choice(sorted(HOME)), key, draw.choice(values))


def _with_label(story: Story, name: str, key: str, value: str) -> Story:
    return replace(story, labels={**story.labels, name: {**story.labels[name], key: value}})


def _release(story: Story, draw: random.Random) -> Story:
    return _relabel(story, draw, "release", RELEASES)


def _release_all(story: Story, draw: random.Random) -> Story:
    release, app = draw.choice(RELEASES), draw.choice(APPS)
    moved = {name: {**own, "release": release} for name, own in story.labels.items() if own["app"] == app}
    return replace(story, labels={**story.labels, **moved})


def _tier(story: Story, draw: random.Random) -> Story:
    return _relabel(story, draw, "tier", TIERS)


def _app(story: Story, draw: random.Random) -> Story:
    """Away from what its name says, or back."""
    name = draw.choice(sorted(HOME))
    away = [key for key in sorted(HOME) if story.labels[key]["app"] != key[:-2]]
    app = away[0][:-2] if away else draw.choice(APPS)
    return _with_label(story, away[0] if away else name, "app", app)


def _blocks(draw: random.Random) -> list[Document]:
    chosen = draw.sample(BLOCKS, draw.randint(1, 2))
    return [{"cidr": cidr, **({"except": list(excepts)} if excepts else {})} for cidr, excepts in chosen]


def _block_in(story: Story, draw: random.Random) -> Story:
    app = draw.choice(("web", "db"))
    return _put(story, policy(f"block-ingress-{app}", app, ingress=[{"fromCIDRSet": _blocks(draw)}]))


def _block_out(story: Story, draw: random.Random) -> Story:
    """Egress to a block: and to the endpoints of the namespace, so that not everything else ends."""
    rules = [{"toCIDRSet": _blocks(draw)}, {"toEndpoints": [draw.choice(SELECTORS)]}]
    return _put(story, policy("block-egress-web", "web", egress=rules))


def _ip_block(story: Story, draw: random.Random) -> Story:
    """Kubernetes' blocks mean endpoints, too."""
    cidr, excepts = draw.choice((("10.42.0.0/16", ()), ("203.0.113.0/24", ("203.0.113.248/29",)), ("fd42::/48", ())))
    block = {"ipBlock": {"cidr": cidr, **({"except": list(excepts)} if excepts else {})}}
    name = f"kube-{draw.choice(('web', 'aux'))}"
    document = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "podSelector": {"matchLabels": {"app": name[5:]}},
            "policyTypes": ["Ingress"],
            "ingress": [
                {"from": [block], "ports": [{"port": 7001, "endPort": 7002, "protocol": draw.choice(("TCP", "UDP"))}]}
            ],
        },
    }
    return _put(story, (name, document))


def _everybody(story: Story, draw: random.Random) -> Story:
    """All endpoints of the namespace are isolated, or not any more."""
    name, document = policy("isolated", "", ingress=[{}])
    return _without(story, name) if name in story.policies else _put(story, (name, document))


def _guest(story: Story, draw: random.Random) -> Story:
    """An endpoint comes, or goes."""
    return replace(story, guests=story.guests ^ {draw.choice(sorted(HOSTS))})


def _quarantine(story: Story, draw: random.Random) -> Story:
    """Nobody reaches anybody. It never lasts longer than two changes."""
    return _put(story, policy(QUARANTINE, "", ingressDeny=[{"fromEntities": ["all"]}]))


def _turned(story: Story, draw: random.Random) -> Story:
    """Still nobody reaches anybody, for another reason, at the other end."""
    return _put(story, policy(QUARANTINE, "", egressDeny=[{"toEntities": ["all"]}]))


def _released(story: Story, draw: random.Random) -> Story:
    return _without(story, QUARANTINE)


def _open(story: Story, draw: random.Random) -> Story:
    """Everybody in the namespace may speak with everybody in it, on some ports or on all."""
    direction = draw.choice(("ingress", "egress"))
    ends, ports = ("fromEndpoints", "toEndpoints")[direction == "egress"], draw.choice(PORTS[:5])
    rules: list[Document] = [{ends: [{}], **({"toPorts": [ports]} if ports else {})}]
    if direction == "egress":
        rules.append({"toCIDRSet": [{"cidr": "0.0.0.0/0"}]})
    return _put(story, policy(f"open-{direction}", "", **{direction: rules}))


Change = Callable[[Story, random.Random], Story]
CHANGES: tuple[tuple[str, Change], ...] = (
    ("an allow added or edited", _new_allow),
    ("an allow added or edited", _new_allow),
    ("a deny added or edited", _deny),
    ("a policy removed", _remove),
    ("a policy removed", _remove),
    ("any policy removed", _remove_any),
    ("one allow for another", _one_for_another),
    ("one allow for another", _one_for_another),
    ("a replica relabelled", _release),
    ("a replica relabelled", _release),
    ("all replicas relabelled", _release_all),
    ("an endpoint moved to another tier", _tier),
    ("an endpoint turned into another app", _app),
    ("a block moved for ingress", _block_in),
    ("a block moved for ingress", _block_in),
    ("a block moved for egress", _block_out),
    ("a Kubernetes block", _ip_block),
    ("the namespace isolated, or not", _everybody),
    *(3 * (("the namespace opened", _open),)),
    *(2 * (("a quarantine", _quarantine),)),
    ("an endpoint come or gone", _guest),
)
