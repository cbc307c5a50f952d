"""A running lab of a manifest of its own, and netctl as a person uses it there; in this process, output captured."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cli.app import main
from inventory.lab import entry, power, record
from schemas.loader import load_cluster
from state.cluster import Cluster, Endpoint

ROOT = Path(__file__).parent.parent.parent
PAIR = Path(__file__).parent / "pair"
BY_ADDRESS = """---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: by-address, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
    - from: [{ipBlock: {cidr: "fd42::/48"}}]
      ports: [{port: 5432, protocol: TCP}]
"""
"""A policy about addresses: it means endpoints, and of one family only."""
ON_HOSTS = frozenset({"plan", "apply", "status", "test", "monitor", "destroy"})


# A host does not see where this checkout is: its modules come along, to where no comparison of hosts looks.
_MODULES = "var/log/netctl-tests"
_PUT_MODULES = f"mkdir -p /{_MODULES}.new; base64 -d | tar -xzC /{_MODULES}.new; mv /{_MODULES}.new /{_MODULES}"


@cache
def _modules() -> str:
    """What runs on hosts, and what harms them, as a tar archive in base64."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for pattern in ("state/**/*.py", "bpf/*.py", "bpf/*.o", "tests/__init__.py", "tests/bpf_loader/[!ct]*.py"):
            for path in sorted(ROOT.glob(pattern)):
                archive.add(path, path.relative_to(ROOT))
    return base64.b64encode(packed.getvalue()).decode()


@dataclass(frozen=True)
class Done:
    """What a command ended with: its exit code, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document and nothing else."""
        return json.loads(self.out)


class Town:
    """A lab in a folder of its own. `pristine` is the manifest that `restore` brings back."""

    def __init__(self, folder: Path, pristine: Path = PAIR) -> None:
        self.folder = folder
        self.pristine = pristine
        self.restore()

    # The manifest.

    def restore(self) -> None:
        """Make the manifest what it was."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.pristine, self.folder)

    def edit(self, old: str, new: str, file: str = "netctl.yaml", lock: bool = True) -> None:
        """Change one place of the manifest, and the lock file with it."""
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} has {text.count(old)} times {old!r}"
        path.write_text(text.replace(old, new))
        if lock:
            self.lock()

    def lock(self) -> None:
        """Write the lock file anew."""
        done = netctl("lock", str(self.folder))
        assert done.code == 0, done.err

    @property
    def cluster(self) -> Cluster:
        """The manifest with its numbers."""
        return load_cluster(self.folder, require_host_keys=False)[0]

    def endpoint(self, key: str) -> Endpoint:
        """An endpoint, by `namespace/name`."""
        return self.cluster.endpoints[key]

    # netctl.

    def netctl(self, command: str, *words: str) -> Done:
        """Run a command on the lab's hosts, in this process."""
        lab = ("--lab",) if command in ON_HOSTS else ()
        return netctl(command, str(self.folder), *lab, *words)

    def plan(self, *words: str) -> Any:
        """The plan as JSON values."""
        done = self.netctl("plan", "--format", "json", *words)
        assert done.code == 0, done.out + done.err
        return done.json

    def changes(self, *words: str) -> list[str]:
        """The changes of the plan, as `alpha create route 10.42.2.0/24`."""
        return spoken(self.plan(*words))

    def apply(self, *words: str) -> Done:
        """Make every host what the manifest says; it must succeed, and leave nothing to do."""
        done = self.netctl("apply", "--yes", *words)
        assert done.code == 0, done.out + done.err
        return done

    def settle(self) -> None:
        """Apply, and prove that nothing is left."""
        self.apply()
        assert self.changes() == []

    def destroy(self, *words: str) -> Done:
        """Remove everything; it must succeed."""
        done = self.netctl("destroy", "--yes", *words)
        assert done.code == 0, done.out + done.err
        return done

    def passes(self) -> None:
        """Prove by packets that every assertion of the manifest holds."""
        done = self.netctl("test", "--live")
        assert done.code == 0, done.out + done.err

    def agrees(self) -> None:
        """Prove that packets are judged as the engine says, whatever the assertions expect."""
        engine, packets = (
            netctl("test", str(self.folder), *words, "--format", "json").json for words in ((), ("--live", "--lab"))
        )
        both = list(zip(engine["assertions"], packets["assertions"], strict=True))
        odd = [f"{_judged(one)}; {_judged(other)}" for one, other in both if _odd(one, other)]
        assert not odd, "\n".join(odd)

    # The hosts.

    @property
    def hosts(self) -> list[str]:
        """The names of the hosts."""
        return sorted(self.cluster.hosts)

    def run(self, place: str, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """A command on a host, in the world, or (`namespace/name`) where an endpoint lives."""
        host, netns = entry.endpoint(self.cluster, place) if "/" in place else (place, "")
        return entry.run(self.folder, host, words, netns=netns, stdin=stdin, timeout=60)

    def on(self, place: str, script: str) -> str:
        """What a shell script prints there; it must succeed."""
        done = self.run(place, "bash", "-ec", script)
        assert done.returncode == 0, f"{place}: {script}\n{done.stdout}{done.stderr}"
        return done.stdout

    # (The hosts' own python3: where this process has its own from may not be there.)
    def python(self, place: str, code: str, *words: str) -> str:
        """What a Python program with netctl's own modules at hand prints there; it must succeed."""
        if not (self.disk(place) / _MODULES).exists():
            assert self.run(place, "sh", "-ec", _PUT_MODULES, stdin=_modules()).returncode == 0
        done = self.run(place, "env", f"PYTHONPATH=/{_MODULES}", "python3", "-c", code, *words)
        assert done.returncode == 0, f"{place}: {code}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, place: str, *words: str) -> subprocess.Popen[str]:
        """A command that goes on there, its streams connected with ours."""
        host, netns = entry.endpoint(self.cluster, place) if "/" in place else (place, "")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        line = entry.command(record.find(self.folder), host, words, netns)
        return subprocess.Popen(line, env=entry.environment(), text=True, **pipes)  # type: ignore[call-overload,no-any-return]

    def disk(self, host: str) -> Path:
        """What a host has written to its disk, seen from here."""
        lab = record.find(self.folder)
        return Path(f"/proc/{lab.anchor()}/root{lab.home}/{host}/root-layers/upper")

    # The lab.

    def boot(self) -> None:
        """Boot what is off."""
        power.up(self.folder, self.cluster)

    def down(self) -> None:
        """Remove the lab."""
        power.down(self.folder)


def netctl(*words: str) -> Done:
    """Run netctl in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return Done(code, out.getvalue(), err.getvalue())


def _odd(engine: dict[str, Any], packets: dict[str, Any]) -> bool:
    return (packets["got"], packets["method"]) != (engine["got"], "packets")


def _judged(item: Any) -> str:
    what = item["protocol"] if item["port"] is None else f"{item['port']}/{item['protocol']}"
    return f"{item['from']} -> {item['to']} {what}: {item['got']} by {item['method']}, {item['reason']}"


def spoken(plan: Any) -> list[str]:
    """The changes of a plan in JSON, a line each."""
    return [f"{item['host']} {' '.join(item['actions'])} {item['kind']} {item['address']}" for item in plan["changes"]]
