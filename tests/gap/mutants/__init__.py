"""netctl with a mistake in it: what the proof must be able to see. Each is made of netctl's own sources by one edit.

A race between a packet and a store is rare: a program decides in less than a microsecond. So the mutants of programs
dawdle between the two places that matter, on each packet that is decided about; a program that dawdles without the
mistake must pass the proof.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bpf.objects import OBJECTS
from inventory.archive import Archive, build, contents, sealed

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Edit:
    """A text that stands once in a file of the datapath, and what stands there instead."""

    file: str
    before: str
    after: str


DAWDLE = Edit(
    "packet.h",
    "/* Reads the generation word:",
    """static long wait_until(__u32 number, void *until)
{
	return bpf_ktime_get_ns() > *(__u64 *)until;
}

static __always_inline void dawdle(void)
{
	__u64 until = bpf_ktime_get_ns() + 50 * 1000;

	bpf_loop(1 << 20, wait_until, &until, 0);
}

/* Reads the generation word:""",
)
ASKED = "	ask_both(p, forward, changed && p->kind != KIND_RELATED, &d);\n"

SLOW = (DAWDLE, Edit("judge.h", ASKED, "	dawdle();\n" + ASKED))
"""No mistake: addresses looked up, then time goes by, then policies are asked."""

TWICE = (DAWDLE, Edit("judge.h", ASKED, "	dawdle();\n	read_generation(p);\n" + ASKED))
"""The word is read again: addresses of one generation, policies of another."""

LATER = """	{
		__u32 slot = p->slot;

		if (d.reason < DENIED_BY_RULE)
			dawdle();
		read_generation(p);
		p->slot = slot;
	}
"""
LATE = (DAWDLE, Edit("judge.h", ASKED, ASKED + LATER))
"""The epoch is read after the tables: what the old ones said is remembered as what the new ones say."""

OTHER = (
    Edit("config.h", "/* An enum is in BTF", "const volatile __u32 exported_edition = 2;\n\n/* An enum is in BTF"),
)
"""No mistake, and nothing else either: the same programs under another digest."""


def programs(folder: Path, edits: tuple[Edit, ...]) -> Archive:
    """An agent that carries programs compiled of edited sources."""
    shutil.copytree(ROOT / "bpf", folder, ignore=shutil.ignore_patterns("*.o", "*.py", "__pycache__"))
    for edit in edits:
        path = folder / edit.file
        text = path.read_text()
        assert text.count(edit.before) == 1, f"{edit.file} does not say once: {edit.before}"
        path.write_text(text.replace(edit.before, edit.after))
    subprocess.run(["make", "-s", "-C", str(folder)], check=True)
    return _archive({f"bpf/{name}.bpf.o": (folder / f"{name}.bpf.o").read_bytes() for name in OBJECTS})


def in_place() -> Archive:
    """An agent that edits the tables in use."""
    file = "bpf/generation.py"
    taken = contents()[file] + b"\n\nfrom bpf import in_place as in_place\n"
    return _archive({file: taken, "bpf/in_place.py": Path(__file__).with_name("in_place.py").read_bytes()})


def _archive(changed: dict[str, bytes]) -> Archive:
    files = {**contents(), **changed}
    return sealed(build(files), files)
