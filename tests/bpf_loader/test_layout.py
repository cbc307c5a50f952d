"""layout.py says what the objects say, and refuses what Python and C could read differently."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bpf import layout
from bpf.btf import Btf
from bpf.elf import Elf
from bpf.gen_layout import HERE, LayoutError, generate
from bpf.libbpf import MAP_TYPE_NAMES


def built(folder: Path) -> list[bytes]:
    """The objects, built from the sources as they stand."""
    for path in [*HERE.glob("*.h"), *HERE.glob("*.bpf.c"), HERE / "Makefile"]:
        shutil.copy(path, folder)
    subprocess.run(["make", "-s", "-C", str(folder)], check=True, capture_output=True)
    return [path.read_bytes() for path in sorted(folder.glob("*.bpf.o"))]


def compiled(folder: Path, definitions: str) -> bytes:
    """A little object with these structures in a map."""
    return compile_object(folder, definitions + _MAP)


def compile_object(folder: Path, text: str) -> bytes:
    """An object of this text."""
    source = folder / "odd.bpf.c"
    source.write_text("#include <linux/bpf.h>\n#include <linux/types.h>\n#include <bpf/bpf_helpers.h>\n" + text)
    clang = shutil.which("clang-19") or "clang"
    arch = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()
    command = [clang, "-O2", "-g", "-target", "bpf", f"-I/usr/include/{arch}-linux-gnu", "-c", str(source), "-o"]
    subprocess.run([*command, str(folder / "odd.bpf.o")], check=True, capture_output=True)
    return (folder / "odd.bpf.o").read_bytes()


_MAP = """
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct odd);
} table SEC(".maps");
struct event { __u32 time; };
SEC("tc") int entry(struct __sk_buff *skb)
{
	struct event event = {};
	__u32 key = 1;
	struct odd *found = bpf_map_lookup_elem(&table, &key);
	return found ? (int)sizeof(*found) + event.time : 0;
}
char LICENSE[] SEC("license") = "GPL";
"""


def test_the_committed_layout_is_what_the_sources_say(tmp_path: Path) -> None:
    assert (HERE / "layout.py").read_text() == generate(built(tmp_path)), "run: make -C bpf && python -m bpf.gen_layout"


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        ("struct odd { __u8 small; __u32 large; };", "3 bytes of hidden padding before large"),
        ("struct odd { __u32 large; __u8 small; };", "3 bytes of hidden padding at the end"),
        ("struct odd { __u32 one : 4; __u32 rest : 28; };", "bit-fields"),
        ("struct odd { union { __u32 one; __u32 other; } both; };", "union"),
        ("struct odd { struct { __u32 x; } many[2]; };", "array of structures"),
    ],
)
def test_what_could_be_misread_is_refused(tmp_path: Path, definition: str, reason: str) -> None:
    with pytest.raises(LayoutError, match=reason):
        generate([compiled(tmp_path, definition)])


def test_network_order_is_bytes_and_padding_is_not_a_field(tmp_path: Path) -> None:
    text = generate(
        [compiled(tmp_path, "struct odd { __be32 address; __u16 class; __u8 pad[2]; __u16 many[3]; __u16 x; };")]
    )
    assert "    address: bytes\n    class_: int\n    many: tuple[int, ...]\n    x: int\n" in text
    assert 'struct.Struct("<4sH2x3HH")' in text


def test_objects_that_differ_are_refused(tmp_path: Path) -> None:
    one = compiled(tmp_path, "struct odd { __u32 one; };")
    other = compiled(tmp_path, "struct odd { __u64 one; };")
    with pytest.raises(LayoutError, match="2 different layouts"):
        generate([one, other])


@pytest.mark.parametrize(
    "name", [name for name in dir(layout) if hasattr(getattr(layout, name), "unpack") and name[0].isupper()]
)
def test_what_is_packed_unpacks_to_the_same(name: str) -> None:
    kind = getattr(layout, name)
    size = getattr(layout, "_" + "".join(f"_{c}" if c.isupper() else c.upper() for c in name).lstrip("_")).size
    value = kind.unpack(bytes(size))
    assert kind.unpack(value.pack()) == value
    assert len(value.pack()) == size


def test_every_map_has_a_type_the_loader_knows() -> None:
    known = set(MAP_TYPE_NAMES.values())
    assert {item.type for item in layout.MAPS.values()} <= known


def test_reading_types_needs_no_tool() -> None:
    data = (HERE / "endpoint.bpf.o").read_bytes()
    names = {item.name for item in Btf(Elf.parse(data).sections[".BTF"]).types}
    assert {"peer", "verdict", "connection"} <= names
