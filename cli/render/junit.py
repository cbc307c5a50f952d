"""WORKSTATION: assertions as JUnit's XML, which CI systems show: one suite, one case for each assertion."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from cli.judged import Judged, brief
from cli.render.places import place


def text(cluster: str, judged: Sequence[Judged]) -> str:
    """The document, with its declaration.

    An assertion that does not hold is a failure; one that packets gave no verdict about is an error.
    """
    kinds = [_kind(one) for one in judged]
    counts = {"tests": len(judged), "failures": kinds.count("failure"), "errors": kinds.count("error"), "skipped": 0}
    counted = {name: str(number) for name, number in counts.items()}
    root = Xml.Element("testsuites", counted)
    suite = Xml.SubElement(root, "testsuite", {"name": f"netctl test {cluster}", **counted})
    for one, kind in zip(judged, kinds, strict=True):
        _case(suite, one, kind)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _kind(one: Judged) -> str:
    if one.holds:
        return ""
    return "error" if one.answer.got == "unknown" else "failure"


def _case(suite: Xml.Element, one: Judged, kind: str) -> None:
    source = one.assertion.source
    case = Xml.SubElement(
        suite,
        "testcase",
        {
            "classname": source.file,
            "name": f"{brief(one.origins)} -> {brief(one.targets)} {brief(one.ports)} {one.assertion.expect}",
            "file": source.file,
            "line": str(source.line),
        },
    )
    if kind:
        answer = one.answer
        message = f"expected {one.assertion.expect}, got {answer.got}: {answer.reason}"
        found = Xml.SubElement(case, kind, {"message": message, "type": f"expected {one.assertion.expect}"})
        rules = [f"decided by {place(rule)}" for rule in answer.rules]
        found.text = "\n".join([f"asserted at {place(source)}", *one.told, *rules])
