"""netctl with a mistake in it: what the proof must be able to see. Each is netctl's own sources with one edit.

A race between a packet and a store is rare: a program decides in less than a microsecond. So for the mutants of
programs it is arranged (see hold.py): between the two places that matter they wait for a store that is announced.
Programs that wait there and make no mistake must pass the proof.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bpf import outline
from bpf.objects import OBJECTS
from inventory.archive import Archive, build, contents, sealed

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Edit:
    """A text that stands once in a file of the datapath, and what stands there instead."""

    file: str
    before: str
    after: str


WAIT = Edit(
    "packet.h",
    "/* Reads the generation word:",
    """static long is_stored(__u32 number, void *until)
{
	__u32 zero = 0;
	__u64 *word = bpf_map_lookup_elem(&generation, &zero);

	return !word || !(*(volatile __u64 *)word >> 63) || bpf_ktime_get_ns() > *(__u64 *)until;
}

static __always_inline void wait(void)
{
	__u64 until = bpf_ktime_get_ns() + 50 * 1000 * 1000;

	bpf_loop(1 << 23, is_stored, &until, 0);
}

/* Reads the generation word:""",
)
ASKED = "	ask_both(p, forward, changed && p->kind != KIND_RELATED, &d);\n"

SLOW = (WAIT, Edit("judge.h", ASKED, "	wait();\n" + ASKED))
"""No mistake: addresses are looked up, the next generation comes, policies are asked of the first one."""

TWICE = (WAIT, Edit("judge.h", ASKED, "	wait();\n	read_generation(p);\n" + ASKED))
"""The word is read again: addresses of one generation, policies of another."""

LATER = """	{
		__u32 slot = p->slot;

		if (d.reason < DENIED_BY_RULE)
			wait();
		read_generation(p);
		p->slot = slot;
	}
"""
LATE = (WAIT, Edit("judge.h", ASKED, ASKED + LATER))
"""The epoch is read after the tables: what the old ones said is remembered as what the new ones say."""

TOLD = (
    Edit(
        "overlay.bpf.c",
        "	/* While a fleet changes, the other host may call",
        "	p->from.identity = identity;\n	/* While a fleet changes, the other host may call",
    ),
)
"""Who sends through the tunnel is who its own host says: an identity of one generation, a policy of another."""

OTHER = (
    Edit("config.h", "/* An enum is in BTF", "const volatile __u32 exported_edition = 2;\n\n/* An enum is in BTF"),
)
"""No mistake, and nothing else either: the same programs under another digest."""


def programs(folder: Path, edits: tuple[Edit, ...]) -> dict[str, bytes]:
    """Programs compiled of edited sources."""
    shutil.copytree(ROOT / "bpf", folder, ignore=shutil.ignore_patterns("*.o", "*.py", "__pycache__"))
    for edit in edits:
        path = folder / edit.file
        text = path.read_text()
        assert text.count(edit.before) == 1, f"{edit.file} does not say once: {edit.before}"
        path.write_text(text.replace(edit.before, edit.after))
    subprocess.run(["make", "-s", "-C", str(folder)], check=True)
    made = {name: (folder / f"{name}.bpf.o").read_bytes() for name in OBJECTS}
    outlines = {f"bpf/{name}.outline": outline.write(outline.of(data)) for name, data in made.items()}
    return {**{f"bpf/{name}.bpf.o": data for name, data in made.items()}, **outlines}


def with_module(name: str) -> dict[str, bytes]:
    """A module beside this file that `bpf.generation` takes in as its last act."""
    file = "bpf/generation.py"
    taken = contents()[file] + f"\n\nfrom bpf import {name} as {name}\n".encode()
    return {file: taken, f"bpf/{name}.py": Path(__file__).with_name(f"{name}.py").read_bytes()}


def agent(*parts: dict[str, bytes]) -> Archive:
    """netctl's agent with these files instead of its own."""
    files = contents()
    for part in parts:
        files |= part
    return sealed(build(files), files)
