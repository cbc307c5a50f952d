"""Whatever stands in a folder, reading it ends with a manifest or with problems; and texts mean what YAML 1.2 says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import lockfile, positions
from schemas.loader import load, load_cluster
from schemas.positions import Node
from schemas.report import Report
from schemas.scalars import trap, value
from state import lock
from state.manifest import Port
from state.problem import ManifestError, Source
from tests.schemas.folders import KEY, MAIN, POLICY, write


def parsed(text: str) -> tuple[list[Node], Report]:
    """The documents of a text, and what was said."""
    report = Report()
    return positions.read(text, "a.yaml", report), report


def bare(node: Node) -> Any:
    """A node without places."""
    if isinstance(node.value, dict):
        return {name: bare(child) for name, child in node.value.items()}
    return [bare(child) for child in node.value] if isinstance(node.value, list) else node.value


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("12", 12), ("-3", -3), ("0", 0),
        ("0x1F", 31), ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("fd42::/48", "fd42::/48"), ("80/TCP", "80/TCP"),
        ("10.42.0.1", "10.42.0.1"), ("2001-01-01", "2001-01-01"), ("y", "y"), ("n", "n"), ("None", "None"),
        ("1.2.3", "1.2.3"), ("-", "-"), ("+", "+"), (".", "."), ("tRue", "tRue"), ("9" * 200, "9" * 200),
    ],
)  # fmt: skip
def test_an_unquoted_word_means_what_yaml_1_2_says(word: str, meant: object) -> None:
    assert (value(word), type(value(word)), trap(word)) == (meant, type(meant), None)


@pytest.mark.parametrize(
    "word",
    ["no", "No", "NO", "yes", "on", "Off", "010", "-07", "0o17", "08", "1:30", "12:30:45", "0b11", "1_000", ".inf"],
)
def test_a_word_on_which_readers_differ_is_a_trap(word: str) -> None:
    assert trap(word) is not None


def test_quotes_make_any_word_a_text() -> None:
    documents, report = parsed('["no", \'010\', "12:30:45", "~", |\n yes\n]'.replace("|\n yes\n", '"x"'))
    assert report.sorted() == []
    assert [bare(document) for document in documents] == [["no", "010", "12:30:45", "~", "x"]]


def test_every_node_knows_its_line_and_column() -> None:
    documents, _ = parsed("a:\n  b: [1,\n      {c: dé, e: 2}]\n--- # second\nf:   g\n")
    first, second = documents
    listed = first.fields["a"].fields["b"]
    assert listed.place == Source("a.yaml", 2, 3)
    assert listed.source == Source("a.yaml", 2, 6)
    assert listed.items[1].fields["e"].place == Source("a.yaml", 3, 15)
    assert second.fields["f"].source == Source("a.yaml", 5, 6)


def test_a_complex_key_does_not_shift_what_follows() -> None:
    documents, report = parsed("? [a, b]\n: x\nc: d\n")
    assert bare(documents[0]) == {"c": "d"}
    assert len(report.sorted()) == 1


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab:-{}[],&*!|>'\"#%@`?\n\t ~<\\\u00e9\x00\u2028\ufeff01", max_size=60))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    documents, report = parsed(text)
    assert documents is not None
    report.sorted()


LINES = MAIN.splitlines(keepends=True) + POLICY.splitlines(keepends=True)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_mutilated_manifest_makes_loading_fail(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = data.draw(st.lists(st.sampled_from(LINES), max_size=16))
    text = "".join(lines)
    if text and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(text) - 1))
        text = (
            text[:place]
            + data.draw(st.sampled_from(["", ":", "{", "}", "[", " ", "\n", "1", "~", "'"]))
            + text[place + 1 :]
        )
    folder = tmp_path_factory.mktemp("manifest")
    (folder / "netctl.yaml").write_text(text, encoding="utf-8")
    try:
        load(folder)
    except ManifestError:
        return


def test_hidden_files_and_folders_are_not_read(tmp_path: Path) -> None:
    hidden = {".git/a.yaml": "garbage: [", ".draft.yaml": "garbage: [", "sub/.old/b.yaml": "garbage: ["}
    _, problems = load(write(tmp_path, {}, hidden))
    assert problems == []


def test_a_link_to_a_folder_is_followed_once(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "db.yaml").write_text(POLICY)
    folder = write(tmp_path / "manifest", {}, {})
    (folder / "policies").symlink_to(tmp_path / "elsewhere")
    (folder / "again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "up").symlink_to(folder)
    manifest, _ = load(folder)
    assert [document.name for document in manifest.documents] == ["db"]


def test_include_narrows_what_is_read(tmp_path: Path) -> None:
    write(
        tmp_path, {"cluster:": "include: [policies]\ncluster:"}, {"policies/a.yaml": POLICY, "old/b.yaml": "garbage: ["}
    )
    manifest, _ = load(tmp_path)
    assert [document.name for document in manifest.documents] == ["db"]


def test_a_file_whose_ending_is_in_capitals_belongs_to_the_manifest(tmp_path: Path) -> None:
    manifest, _ = load(write(tmp_path, {}, {"policies/A.YAML": POLICY}))
    assert [document.name for document in manifest.documents] == ["db"]


def test_sections_of_several_files_are_one_manifest(tmp_path: Path) -> None:
    more = "hosts:\n  gamma: {address: 203.0.113.13, ssh: {hostKey: KEY}}\n---\nnamespaces: {ops: {}}\n"
    manifest, _ = load(write(tmp_path, {}, {"more/gamma.yml": more.replace("KEY", KEY)}))
    assert sorted(manifest.hosts) == ["alpha", "beta", "gamma"]
    assert manifest.hosts["gamma"].source == Source("more/gamma.yml", 2, 3)
    assert sorted(manifest.namespaces) == ["default", "ops", "shop"]


def test_a_key_may_name_its_namespace_and_the_default_is_default(tmp_path: Path) -> None:
    more = "endpoints:\n  web: {host: beta, attach: {netns: w1}}\n  ops/web: {host: beta, attach: {netns: w2}}\n"
    manifest, _ = load(write(tmp_path, {"shop: {}": "shop: {}\n  ops: {}"}, {"more.yaml": more}))
    assert sorted(manifest.endpoints) == ["default/web", "ops/web", "shop/db", "shop/web"]


def test_a_namespace_has_its_name_among_its_labels(tmp_path: Path) -> None:
    manifest, _ = load(write(tmp_path, {"shop: {}": "shop: {labels: {team: a}}"}, {}))
    assert manifest.namespaces["shop"].labels == {"team": "a", "kubernetes.io/metadata.name": "shop"}


def test_an_endpoint_is_audited_as_it_says_itself_else_as_the_cluster(tmp_path: Path) -> None:
    write(tmp_path, {"id: 1}": "id: 1, audit: true}", "  db: {": "  db: {audit: false, "}, {})
    endpoints = load(tmp_path)[0].endpoints
    assert {key: endpoint.audit for key, endpoint in endpoints.items()} == {"shop/web": True, "shop/db": False}


def test_an_address_as_text_finds_its_family(tmp_path: Path) -> None:
    manifest, _ = load(write(tmp_path, {"web: {host": "web: {address: 'fd42:0:0:9::5', host"}, {}))
    assert (manifest.endpoints["shop/web"].ipv4, str(manifest.endpoints["shop/web"].ipv6)) == (None, "fd42:0:0:9::5")


def test_ports_have_numbers_and_protocols(tmp_path: Path) -> None:
    manifest, _ = load(write(tmp_path, {"web: {host": "web: {ports: {http: 80/TCP, dns: 53/UDP}, host"}, {}))
    assert manifest.endpoints["shop/web"].ports == {"dns": Port(53, "UDP"), "http": Port(80, "TCP")}


def test_a_host_reached_by_an_address_has_it_as_underlay(tmp_path: Path) -> None:
    manifest, _ = load(write(tmp_path, {}, {}))
    assert str(manifest.hosts["alpha"].underlay.ipv4) == "203.0.113.11"


def test_a_policy_keeps_its_text_and_the_place_of_every_node(tmp_path: Path) -> None:
    two = POLICY + "---\n" + POLICY.replace("name: db,", "name: db-2,")
    manifest, _ = load(write(tmp_path, {}, {"p.yaml": two}))
    first, second = manifest.documents
    assert (first.kind, first.namespace, first.name) == ("CiliumNetworkPolicy", "shop", "db")
    assert first.at(("spec", "ingress", 0, "fromEndpoints")) == Source("p.yaml", 7, 7)
    assert second.at(("spec", "endpointSelector")).line == 14
    assert second.at(("spec", "ingress", 9, "nowhere")).line == 15


def test_without_host_keys_a_manifest_loads_for_what_is_no_real_host(tmp_path: Path) -> None:
    write(tmp_path, {f"{{address: 203.0.113.11, ssh: {{hostKey: {KEY}}}}}": "{address: 203.0.113.11}"}, {})
    manifest, _ = load(tmp_path, require_host_keys=False)
    assert manifest.hosts["alpha"].ssh.host_key == ""


@pytest.mark.parametrize("name", ["netctl.yaml", "policies/locked.yaml"])
def test_a_file_that_is_a_dangling_link_is_told(name: str, tmp_path: Path) -> None:
    write(tmp_path, {}, {"policies/locked.yaml": POLICY})
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("nowhere")
    with pytest.raises(ManifestError) as raised:
        load(tmp_path)
    said = " ".join(problem.summary for problem in raised.value.problems)
    assert said in (f"{name} cannot be read", f"{tmp_path} has no netctl.yaml")


def test_a_folder_where_a_file_belongs_is_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "netctl.yaml").mkdir()
    with pytest.raises(ManifestError, match="has no netctl"):
        load(tmp_path)


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    write(tmp_path, {}, {"p.yaml": POLICY})
    (tmp_path / "p.yaml").unlink()
    os.mkfifo(tmp_path / "p.yaml")
    with pytest.raises(ManifestError, match="is not a file"):
        load(tmp_path)


@pytest.mark.parametrize("example", ["three-hosts", "native"])
def test_the_examples_are_valid_and_locked(example: str) -> None:
    folder = Path(__file__).parents[2] / "examples" / example
    cluster, problems = load_cluster(folder)
    assert problems == []
    assert len(cluster.endpoints) == 5


def test_the_two_examples_differ_in_one_word() -> None:
    examples = Path(__file__).parents[2] / "examples"
    overlay, native = ((examples / name / "netctl.yaml").read_text().split() for name in ("three-hosts", "native"))
    assert [(a, b) for a, b in zip(overlay, native, strict=True) if a != b] == [("overlay", "native")]
    for name in ["netctl.lock", *(f"policies/{path.name}" for path in (examples / "native/policies").iterdir())]:
        assert (examples / "native" / name).read_text() == (examples / "three-hosts" / name).read_text()


def test_the_lock_file_is_read_beside_the_manifest(tmp_path: Path) -> None:
    write(tmp_path, {}, {})
    manifest, _ = load(tmp_path)
    lockfile.write(tmp_path, lock.allocate(manifest, lock.Lock()))
    cluster, _ = load_cluster(tmp_path)
    assert cluster.hosts["alpha"].number == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["netctl.lock", "netctl.yaml"]
