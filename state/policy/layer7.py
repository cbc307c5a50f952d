"""BOTH SIDES: what `toPorts` says beyond ports (requests, TLS, listeners): checked as Cilium checks it, and refused."""

from __future__ import annotations

import re
import warnings

from state.manifest import Json
from state.policy.dns_names import DNS_RULES, SERVER_NAMES
from state.policy.node import Node
from state.policy.shapes import each, fields, name, number, one_of, text, texts, written_as


def expression(node: Node) -> None:
    """An extended regular expression, as Cilium compiles it: without looking around and without references back."""
    found = node.text()
    if found is None:
        return
    try:
        if re.search(r"\(\?(<?[=!]|P=|>|\()|\\[1-9]", found):
            raise ValueError("it looks around, or refers back")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of [[:alpha:]], which is what it says here
            re.compile(found)
    except (ValueError, OverflowError, RecursionError, re.error) as error:
        node.wrong(f"`{found}` is not a regular expression: {error}", "It is an extended POSIX expression.")


SECRET = fields({"name": name, "namespace": text}, required=("name",))
HTTP = fields(
    {
        "path": expression,
        "method": expression,
        "host": expression,
        "headers": each(text),
        "headerMatches": each(
            fields(
                {
                    "name": name,
                    "value": text,
                    "mismatch": one_of("LOG", "ADD", "DELETE", "REPLACE"),
                    "secret": SECRET,
                },
                required=("name",),
            )
        ),
    }
)
KAFKA = fields(
    {
        "role": one_of("produce", "consume"),
        "apiKey": text,
        "apiVersion": written_as(r"[0-9]+", "a version of an API", "It is a number in quotes."),
        "clientID": text,
        "topic": written_as(
            r"[-A-Za-z0-9._]{1,249}", "a topic", "A topic is at most 249 letters, digits, `.`, `_` and `-`."
        ),
    }
)


def kafka(node: Node) -> None:
    """One rule about Kafka's requests."""
    KAFKA(node)
    if node.get("role") is not None and node.get("apiKey") is not None:
        node.wrong(f"{node.where} combines role and apiKey", "A role stands for several keys: use one of the two.")


KINDS = ("http", "dns", "kafka", "l7proto")
_RULES = fields({"http": each(HTTP), "dns": DNS_RULES, "kafka": each(kafka), "l7proto": name, "l7": each(texts)})


def rules(node: Node) -> None:
    """The `rules` of one item of toPorts: requests of one protocol."""
    _RULES(node)
    said = [kind for kind in KINDS if node.get(kind) is not None]
    if len(said) > 1:
        node.wrong(f"{node.where} combines {' and '.join(said)}", "The rules of one port are of one protocol.")
    if node.get("l7") is not None and node.get("l7proto") is None:
        node.wrong(f"{node.where} has l7 without l7proto", "l7proto names the parser that l7 is for.")


def asks_of_requests(value: Json) -> bool:
    """Whether `rules` demand anything: a list without a rule is as none, and the whole port is meant, as in Cilium."""
    return not isinstance(value, dict) or any(value.values())


TLS = fields({"secret": SECRET, "trustedCA": text, "certificate": text, "privateKey": text}, required=("secret",))
LISTENER = fields(
    {
        "envoyConfig": fields(
            {"kind": one_of("CiliumEnvoyConfig", "CiliumClusterwideEnvoyConfig"), "name": name}, required=("name",)
        ),
        "name": name,
        "priority": number(1, 100),
    },
    required=("envoyConfig", "name"),
)


def server_names(node: Node) -> None:
    """The names that a TLS client may ask for."""
    SERVER_NAMES(node)
    if node.value == []:
        node.wrong(f"{node.where} is empty", "It lists at least one name; without the field every name is allowed.")


def fits(row: Node, direction: str, hosts: bool) -> None:
    """Note where what an item of toPorts says beyond its ports does not fit these, the direction, or its `hosts`."""
    written, listener, names = row.get("rules"), row.get("listener"), row.get("serverNames")
    if listener is not None and direction == "ingress":
        listener.wrong(f"{listener.where} stands in ingress", "A listener is for what goes out.")
    if written is None or not asks_of_requests(written.value):
        return
    if listener is not None:
        listener.wrong(f"{row.where} combines listener and rules", "A listener has rules of its own.")
    if names is not None and row.get("terminatingTLS") is None:
        names.wrong(
            f"{row.where} combines serverNames and rules without terminatingTLS",
            "Requests inside TLS can be read only where TLS ends.",
        )
    if hosts and not (direction == "egress" and written.keys == ["dns"]):
        written.wrong(
            f"{written.where} stands in a host policy", "Of a host's requests, rules know DNS in egress alone."
        )
    _ports_fit(row, written, direction)


def _ports_fit(row: Node, written: Node, direction: str) -> None:
    listed = row.get("ports")
    items = listed.items() if listed is not None and isinstance(listed.value, list) else []
    dns = written.get("dns")
    if dns is not None and direction == "ingress":
        dns.wrong(f"{dns.where} stands in ingress", "Rules about DNS are for what goes out.")
    if dns is not None and not items:
        dns.wrong(f"{row.where} has rules about DNS and no port", "Name the port of the resolver, 53.")
    for item in items:
        port, end, protocol = item.get("port"), item.get("endPort"), item.get("protocol")
        if port is not None and port.value == "0":
            port.wrong(f"{row.where} has rules about requests on port 0", "Name the ports that carry the requests.")
        if dns is not None and end is not None:
            end.wrong(f"{row.where} has rules about DNS on a range of ports", "Name the port of the resolver, 53.")
        if dns is None and (protocol is None or protocol.value != "TCP"):
            (protocol or item).wrong(
                f"{row.where} has rules about requests on a port that is not of TCP alone",
                "Write `protocol: TCP`: only rules about DNS may stand on other ports.",
            )
