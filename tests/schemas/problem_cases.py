"""What can be wrong in a manifest: a sentence, and how to make it so. What is said then stands in problems.txt."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.schemas.folders import KEY, POLICY

HOST_BETA = f"  beta: {{address: 203.0.113.12, ssh: {{hostKey: {KEY}}}}}"
WEB = "  web: {host: alpha, namespace: shop, labels: {app: web}, attach: {netns: web}}"
DB = "  db: {host: beta, namespace: shop, labels: {app: db}, attach: {netns: db}}"
RANGES = 'endpoints: {ipv4: 10.42.0.0/16, ipv6: "fd42::/48"}'
PORT = "      toPorts: [{ports: [{port: sql, protocol: UDP}]}]\n"
GROUP = """\
apiVersion: cilium.io/v2
kind: CiliumCIDRGroup
metadata: {name: offices}
spec: {externalCIDRs: [198.51.100.0/24]}
"""
ASSERTION = "from: shop/web, to: shop/db, port: 80/TCP, expect: allow"


@dataclass(frozen=True)
class Case:
    """One mistake: pieces of netctl.yaml replaced, and further files."""

    name: str
    edits: dict[str, str] = field(default_factory=dict[str, str])
    files: dict[str, str] = field(default_factory=dict[str, str])


def web(more: str) -> dict[str, str]:
    """The endpoint web with more to it."""
    return {
        "web: {host: alpha,": f"web: {{{more}, host: alpha,",
    }


def alpha(more: str) -> dict[str, str]:
    """The host alpha with more to it."""
    return {"alpha: {": f"alpha: {{{more}, "}


def policy(old: str, new: str) -> dict[str, str]:
    """A policy file with a piece of it replaced."""
    assert old in POLICY
    return {"policies/db.yaml": POLICY.replace(old, new)}


YAML = [
    Case("a duplicate key", {"cluster: {name: shop, id: 1}": "cluster: {name: shop, id: 1, name: shop}"}),
    Case("a duplicate endpoint in one file", {DB: f"{DB}\n{WEB}"}),
    Case("an unquoted no", {"{app: web}": "{app: web, eu: no}"}),
    Case("an unquoted on as a key", {"{app: web}": "{on: web}"}),
    Case("an octal number", {"id: 1}": "id: 010}"}),
    Case("an octal number in the new spelling", {"id: 1}": "id: 0o10}"}),
    Case("a sexagesimal number", {"{app: web}": "{app: web, since: 12:30:45}"}),
    Case("a binary number", {"id: 1}": "id: 0b1}"}),
    Case("a number with underscores", {"id: 1}": "id: 1_0}"}),
    Case("not a number", {"{app: web}": "{app: .nan}"}),
    Case("a key that is a number", {"{app: web}": "{80: web}"}),
    Case("a key that is a list", {"{app: web}": "{[app, tier]: web}"}),
    Case("an anchor and its alias", {"{app: web}": "&web {app: web}", "{app: db}": "*web"}),
    Case("an alias as a key", {"{app: web}": "{&app app: web, *app : x}"}),
    Case("a merge key", {"{app: web}": "{<<: {app: web}}"}),
    Case("a tag", {"{app: web}": "{app: !!str 80}"}),
    Case("a dangerous tag", {"{app: web}": "{app: !!python/object/apply:os.system [id]}"}),
    Case("a tab", {"  shop: {}": "\tshop: {}"}),
    Case("a bracket that is not closed", {"{netns: web}}": "{netns: web}"}),
    Case("text with a colon", {"  shop: {}": "  shop: a: b"}),
    Case("a control character", {"app: web": "app: w\x01b"}),
    Case("nesting without end", {}, {"deep.yaml": "a: " + "[" * 70 + "]" * 70}),
    Case("a file that is not UTF-8", {}, {"latin.yaml": "namespaces:\n  caf\xff: {}\n"}),
]

FILES = [
    Case("an empty netctl.yaml", {}, {"netctl.yaml": ""}),
    Case("a netctl.yaml of comments alone", {}, {"netctl.yaml": "# nothing yet\n"}),
    Case("a list at the top", {}, {"more.yaml": "- a\n- b\n"}),
    Case("text at the top", {}, {"more.yaml": "hello\n"}),
    Case("a nested netctl.yaml", {}, {"sub/netctl.yaml": "cluster: {name: other, id: 2}\n"}),
    Case("one host in two files", {}, {"more.yaml": "hosts:\n  alpha: {address: 203.0.113.99}\n"}),
    Case("one endpoint in two files", {}, {"m.yaml": "endpoints:\n  shop/web: {host: beta, attach: {netns: w}}\n"}),
    Case("one section in two files", {}, {"more.yaml": "network: {mode: native}\n"}),
    Case("include that names nothing", {"cluster:": "include: [policy/*.yaml]\ncluster:"}),
    Case("include in another file", {}, {"more.yaml": "include: [x.yaml]\n"}),
]

SCHEMA = [
    Case("no cluster", {"cluster: {name: shop, id: 1}\n": ""}),
    Case("an unknown section", {"namespaces:": "namespace:"}),
    Case("an unknown key", {"{address: 203.0.113.11,": "{adress: 203.0.113.11,"}),
    Case("a key with wrong capitals", {f"ssh: {{hostKey: {KEY}}}}}\n  beta": f"ssh: {{hostkey: {KEY}}}}}\n  beta"}),
    Case("a missing key", {"{host: alpha, ": "{"}),
    Case("services", {"assertions:": "services: {}\nassertions:"}),
    Case("bandwidth", {"assertions:": "bandwidth: []\nassertions:"}),
    Case("a range for services", {RANGES: f"{RANGES}\n  services: {{ipv4: 10.96.0.0/16}}"}),
    Case("a mode that does not exist", {"mode: overlay": "mode: overlya"}),
    Case("an encapsulation that comes later", {"mode: overlay": "mode: overlay, encapsulation: geneve"}),
    Case("an encapsulation that does not exist", {"mode: overlay": "mode: overlay, encapsulation: gre"}),
    Case("attach to a container", {"attach: {netns: web}": "attach: {container: web}"}),
    Case("attach by a veth pair", {"attach: {netns: web}": "attach: {veth: foo}"}),
    Case("attach as text", {"attach: {netns: web}": "attach: web"}),
    Case("a section without content", {"  shop: {}": "  shop:"}),
    Case("a mapping where a list belongs", {f"  - {{{ASSERTION}}}": "  first: {}"}),
    Case("a number as a label", {"{app: web}": "{app: 80}"}),
    Case("a boolean as a label", {"{app: web}": "{app: true}"}),
    Case("text where yes or no belongs", web("audit: maybe")),
    Case("a number where yes or no belongs", {"id: 1}": "id: 1, audit: 1}"}),
    Case("text as a number", {"id: 1}": 'id: "1"}'}),
    Case("a number out of bounds", {"id: 1}": "id: 256}"}),
    Case("a label key that is none", {"{app: web}": '{"-app": web}'}),
    Case("a name with capitals", {"  web: {": "  Web: {"}),
    Case("a host name that is an address", {"  beta: {": "  10.9.8.7: {", "host: beta": "host: 10.9.8.7"}),
    Case("a cluster name that is too long", {"name: shop": f"name: {'x' * 33}"}),
    Case("a port without a protocol", web("ports: {http: 80}")),
    Case("a port in lower case", web("ports: {http: 80/tcp}")),
    Case("a port too high", web("ports: {http: 65536/TCP}")),
    Case("an address that is none", web("address: 10.42.1.300")),
    Case("an IPv6 range under ipv4", {"10.42.0.0/16": "fd43::/48"}),
    Case("a range with bits beyond its prefix", {"10.42.0.0/16": "10.42.1.0/16"}),
    Case("a range without a prefix", {"10.42.0.0/16": "10.42.0.0"}),
    Case("a host key cut off", {f"hostKey: {KEY}}}}}\n  beta": f"hostKey: {KEY[:-20]}}}}}\n  beta"}),
    Case("a host key of another kind", {f"hostKey: {KEY}}}}}\n  beta": "hostKey: SHA256:abcdef}}\n  beta"}),
    Case("expect without a meaning", {"expect: allow": "expect: permit"}),
]

NAMES = [
    Case("an endpoint on an unknown host", {"{host: alpha,": "{host: alhpa,"}),
    Case(
        "a namespace that is not declared",
        {"alpha, namespace: shop": "alpha, namespace: shpo", "from: shop/web": "from: shpo/web"},
    ),
    Case("a namespace given twice", {"  web: {": "  ops/web: {"}),
    Case("one network namespace for two endpoints", {"{host: beta,": "{host: alpha,", "netns: db": "netns: web"}),
    Case("no host key", {f"{{address: 203.0.113.11, ssh: {{hostKey: {KEY}}}}}": "{address: 203.0.113.11}"}),
    Case("one address for two hosts", {"203.0.113.12": "203.0.113.11"}),
    Case("an assertion about nobody", {"to: shop/db": "to: shop/bd"}),
    Case("an assertion without a namespace", {"to: shop/db": "to: db"}),
    Case("an assertion about a multicast address", {"to: shop/db": "to: 224.0.0.1"}),
    Case("an assertion about a link-local address", {"to: shop/db": "to: 'fe80::1'"}),
    Case("an assertion from a loopback address", {"from: shop/web": "from: 127.0.0.1"}),
    Case("an assertion about everybody", {"to: shop/db": "to: 255.255.255.255"}),
    Case("an assertion about no address", {"from: shop/web": "from: '::'"}),
    Case("an assertion without a port", {"port: 80/TCP, ": ""}),
    Case("an assertion with port and protocol", {"port: 80/TCP, ": "port: 80/TCP, protocol: ICMP, "}),
    Case("an assertion with port and ports", {"port: 80/TCP, ": "port: 80/TCP, ports: [443/TCP], "}),
    Case("an assertion with ports and protocol", {"port: 80/TCP, ": "ports: [443/TCP], protocol: ICMP, "}),
    Case("an assertion about no ports", {"port: 80/TCP, ": "ports: [], "}),
    Case("an assertion about ports without a protocol", {"port: 80/TCP, ": "ports: [80, 443], "}),
    Case("an assertion about a range from high to low", {"port: 80/TCP, ": "ports: [8010-8000/TCP], "}),
    Case("an assertion about a range beyond the last port", {"port: 80/TCP, ": "ports: [80/TCP, 60000-70000/UDP], "}),
    Case("an assertion from an empty list", {"from: shop/web": "from: []"}),
    Case("an assertion from a list with an unknown name", {"from: shop/web": "from: [shop/web, shop/wbe]"}),
    Case("an assertion from a list in a list", {"from: shop/web": "from: [[shop/web]]"}),
    Case("an assertion from a number", {"from: shop/web": "from: 80"}),
    Case("an assertion from a selector that selects nobody", {"from: shop/web": "from: {matchLabels: {app: wbe}}"}),
    Case(
        "an assertion from a list with a selector that selects nobody",
        {"from: shop/web": "from: [shop/web, {matchLabels: {tier: front}}]"},
    ),
    Case(
        "an assertion from a selector of another namespace",
        {"from: shop/web": 'from: {matchLabels: {app: web, "k8s:io.kubernetes.pod.namespace": ops}}'},
    ),
    Case("an assertion from a selector with a mistake", {"from: shop/web": "from: {matchLables: {app: web}}"}),
    Case("an assertion from a label that is a number", {"from: shop/web": "from: {matchLabels: {app: 80}}"}),
    Case("an assertion from a label of another source", {"from: shop/web": "from: {matchLabels: {'cidr:app': web}}"}),
    Case(
        "an assertion from a condition without values",
        {"from: shop/web": "from: {matchExpressions: [{key: app, operator: In}]}"},
    ),
    Case(
        "an assertion from a condition with values too many",
        {"from: shop/web": "from: {matchExpressions: [{key: app, operator: Exists, values: [web]}]}"},
    ),
    Case(
        "an assertion from a condition that does not exist",
        {"from: shop/web": "from: {matchExpressions: [{key: app, operator: Is, values: [web]}]}"},
    ),
    Case(
        "an assertion from a condition without a key", {"from: shop/web": "from: {matchExpressions: [{operator: In}]}"}
    ),
    Case("an assertion about one endpoint and itself", {"from: shop/web": "from: {matchLabels: {app: db}}"}),
    Case(
        "an assertion from a selector that may mean an endpoint with a mistake",
        {"labels: {app: web}": "lables: {app: wbe}", "from: shop/web": "from: {matchLabels: {app: wbe}}"},
    ),
    Case("a label that netctl gives", {"{app: web}": "{io.kubernetes.pod.namespace: ops}"}),
    Case("a namespace under another name", {"shop: {}": "shop: {labels: {kubernetes.io/metadata.name: ops}}"}),
]

RANGES_AND_ADDRESSES = [
    Case("no range", {RANGES: "endpoints: {}"}),
    Case("no ranges at all", {f"ranges:\n  {RANGES}\n": ""}),
    Case("a prefix without its range", {RANGES: "endpoints: {ipv4: 10.42.0.0/16, hostPrefix: {ipv6: 64}}"}),
    Case("a range smaller than a slice", {"10.42.0.0/16": "10.42.0.0/25"}),
    Case("a range too small for the hosts", {"10.42.0.0/16": "10.42.0.0/24"}),
    Case("an IPv6 range that stands for IPv4", {'"fd42::/48"': '"::ffff:0:0/100"'}),
    Case("an underlay that is the host itself", alpha("underlay: {ipv4: 127.0.0.1}")),
    Case(
        "a range over the address that SSH uses",
        {**alpha("underlay: {ipv4: 198.51.100.1}"), "10.42.0.0/16": "203.0.0.0/16"},
    ),
    Case(
        "a prefix beside a range with a mistake",
        {RANGES: "endpoints: {ipv4: 203.0.113.0/20, hostPrefix: {ipv4: 24}}"},
    ),
    Case(
        "a slice and an address beside a range with a mistake",
        {
            RANGES: "endpoints: {ipv4: 10.42.1.0/16}",
            **web("address: 10.42.7.9"),
            **alpha("slice: {ipv4: 10.42.7.0/24}"),
        },
    ),
    Case("a range misspelt", {RANGES: "endpoints: {ipv: 10.42.0.0/16, hostPrefix: {ipv4: 24}}"}),
    Case(
        "a range beside a prefix with a mistake",
        {
            RANGES: "endpoints: {ipv4: 10.42.0.0/25, hostPrefix: {ipv4: 31}}",
            **web("address: 10.42.0.1"),
        },
    ),
    Case("an underlay with a mistake", alpha("underlay: {ipv4: 203.0.113.300}")),
    Case("a multicast range", {"10.42.0.0/16": "239.0.0.0/16"}),
    Case("a range over the hosts' own network", {"10.42.0.0/16": "203.0.0.0/16"}),
    Case("a slice outside the range", {HOST_BETA: HOST_BETA[:-1] + ", slice: {ipv4: 10.43.0.0/24}}"}),
    Case(
        "slices that overlap",
        {
            HOST_BETA: HOST_BETA[:-1] + ", slice: {ipv4: 10.42.7.0/24}}",
            **alpha("slice: {ipv4: 10.42.6.0/23}"),
        },
    ),
    Case("a slice too small", {HOST_BETA: HOST_BETA[:-1] + ", slice: {ipv4: 10.42.7.0/31}}"}),
    Case(
        "a slice too small for its endpoints",
        {
            HOST_BETA: HOST_BETA[:-1] + ", slice: {ipv4: 10.42.7.0/30}}",
            DB: "\n".join([DB, DB.replace("db", "db-2")]),
        },
    ),
    Case(
        "two hosts with one underlay address",
        {
            HOST_BETA: HOST_BETA[:-1] + ", underlay: {ipv4: 203.0.113.11}}",
        },
    ),
    Case("a host reached by a name, without an underlay", {"203.0.113.12": "beta.example.org"}),
    Case("hosts without a family in common", {"203.0.113.12": '"2001:db8::12"'}),
    Case("native routing without IPv6 between the hosts", {"mode: overlay": "mode: native"}),
    Case(
        "what only tunnels have, in native mode",
        {
            "network: {mode: overlay}": "network:\n  mode: native\n  encapsulation: vxlan\n  port: 4789",
            RANGES: "endpoints: {ipv4: 10.42.0.0/16}",
        },
    ),
    Case("an address outside its range", web("address: 10.43.0.5")),
    Case(
        "an IPv6 address without a range",
        {RANGES: "endpoints: {ipv4: 10.42.0.0/16}", **web('address: {ipv6: "fd42::5"}')},
    ),
    Case(
        "an address outside its host's slice",
        {
            **web("address: 10.42.8.5"),
            **alpha("slice: {ipv4: 10.42.7.0/24}"),
        },
    ),
    Case("a host's own address", web("address: 10.42.7.1")),
    Case("a broadcast address", web("address: 10.42.7.255")),
    Case(
        "two endpoints with one address",
        {**web("address: 10.42.7.9"), "{host: beta,": "{host: alpha, address: {ipv4: 10.42.7.9},"},
    ),
    Case(
        "two endpoints with one address, and one of them with another mistake",
        {
            **web("address: 10.42.7.9"),
            "{host: beta,": "{host: alpha, address: {ipv4: 10.42.7.9},",
            "netns: db": "veth: db",
        },
    ),
    Case(
        "an endpoint with many mistakes",
        {**web("address: 10.43.7.9"), "host: alpha,": "host: omega,", "netns: web": "container: web"},
    ),
    Case("an endpoint without a host", {"web: {host: alpha,": "web: {address: 10.43.7.9,"}),
    Case(
        "addresses of one host in two slices",
        {**web("address: 10.42.7.9"), "{host: beta,": "{host: alpha, address: 10.42.8.9,"},
    ),
    Case(
        "addresses of two hosts in one slice",
        {**web("address: 10.42.7.9"), "{host: beta,": "{host: beta, address: 10.42.7.10,"},
    ),
]

POLICIES = [
    Case("an unknown kind", {}, policy("kind: CiliumNetworkPolicy", "kind: CiliumNetworkPolice")),
    Case("a kind netctl has no use for", {}, policy("kind: CiliumNetworkPolicy", "kind: Deployment")),
    Case("no kind", {}, policy("kind: CiliumNetworkPolicy\n", "")),
    Case("a group of addresses given twice", {}, {"groups.yaml": f"{GROUP}---\n{GROUP}"}),
    Case(
        "a group of addresses in a namespace", {}, {"groups.yaml": GROUP.replace("{name:", "{namespace: shop, name:")}
    ),
    Case("a group of addresses of another version", {}, {"groups.yaml": GROUP.replace("v2", "v3")}),
    Case("a group of addresses of the older version", {}, {"groups.yaml": GROUP.replace("v2", "v2alpha1")}),
    Case("an old apiVersion", {}, policy("cilium.io/v2", "cilium.io/v1")),
    Case("no name", {}, policy("{name: db, namespace: shop}", "{namespace: shop}")),
    Case("a number as a name", {}, policy("name: db,", "name: 12,")),
    Case(
        "a clusterwide policy in a namespace",
        {},
        policy("kind: CiliumNetworkPolicy", "kind: CiliumClusterwideNetworkPolicy"),
    ),
    Case("one policy in two files", {}, {"policies/db.yaml": POLICY, "policies/more.yaml": f"---\n{POLICY}"}),
    Case("a trap inside a policy", {}, policy("{app: web}", "{app: yes}")),
    Case("a selector that selects nobody", {}, policy("{app: web}", "{app: wbe}")),
    Case("a subject that nobody is", {}, policy("{app: db}", "{app: bd}")),
    Case(
        "a selector that selects nobody beside mistakes that say nothing of labels",
        {"mode: overlay": "mode: overly, mode: native", "{netns: web}": "{netns: -}", "203.0.113.11": "-"},
        policy("{app: web}", "{app: wbe}"),
    ),
    Case(
        "a selector that may mean an endpoint with a mistake",
        {"labels: {app: web}": "lables: {app: wbe}"},
        policy("{app: web}", "{app: wbe}"),
    ),
    Case(
        "a selector beside a broken policy",
        {},
        {
            **policy("{app: web}", "{app: wbe}"),
            "policies/b.yaml": POLICY.replace("name: db", "name: b, nmae: b, name: c"),
        },
    ),
    Case("a selector that may mean an endpoint given twice", {DB: f"{DB}\n{WEB}"}, policy("{app: web}", "{app: wbe}")),
    Case(
        "a port that nobody defines beside a mistake elsewhere",
        {"mode: overlay": "mode: overly"},
        {"policies/db.yaml": POLICY + PORT},
    ),
    Case(
        "a port that may be one with a mistake",
        {"{host: beta,": "{host: beta, ports: {sql: 5432},"},
        {"policies/db.yaml": POLICY + PORT},
    ),
    Case("an unknown field", {}, policy("fromEndpoints", "fromEndpoint")),
]

CASES = [*YAML, *FILES, *SCHEMA, *NAMES, *RANGES_AND_ADDRESSES, *POLICIES]
