"""The agent's own records behave as the standard library's, class by class."""

from __future__ import annotations

import dataclasses
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import pytest

import bpf
import state
from state.host import records

ROOT = Path(__file__).parent.parent.parent
V = TypeVar("V")

DESCRIBE = """
import sys, json, importlib
if {quick}:
    from state.host import records
    sys.modules["dataclasses"] = records
import dataclasses
found = {{}}
for name in {names}:
    for key, cls in sorted(vars(importlib.import_module(name)).items()):
        if isinstance(cls, type) and dataclasses.is_dataclass(cls) and cls.__module__ == name:
            members = dataclasses.fields(cls)
            found[name + "." + key] = {{
                "fields": [[item.name, str(item.type), item.compare] for item in members],
                "defaults": [repr(item.default) for item in members if item.default is not dataclasses.MISSING],
                "factories": [item.name for item in members if item.default_factory is not dataclasses.MISSING],
                "constants": sorted(item.name for item in members if item.name in vars(cls)),
                "hash": cls.__hash__ is not None, "ordered": "__lt__" in vars(cls),
            }}
            values = [cls(*(number + index for index, _ in enumerate(members))) for number in (1, 1, 2)]
            one, same, other = values
            found[name + "." + key]["behaviour"] = [
                repr(one).rpartition(".")[2], one == same, one == other, one == 1,
                dataclasses.replace(one) == one, *[getattr(one, item.name) for item in members]]
print(json.dumps(found, sort_keys=True))
"""


def modules() -> list[str]:
    """Every module that an agent may import."""
    generators = ("bpf.gen_", "state.host.boot")
    return [
        info.name
        for package in (state, bpf)
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not info.name.startswith(generators)
    ]


def described(quick: bool) -> dict[str, Any]:
    """What every class of the agent is like, with one or the other implementation."""
    script = DESCRIBE.format(quick=quick, names=modules())
    said = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.stderr == ""
    found: dict[str, Any] = json.loads(re.sub(" at 0x[0-9a-f]+", "", said.stdout))  # a function's own address
    return found


def test_every_class_of_the_agent_is_the_same_with_both() -> None:
    standard, quick = described(False), described(True)
    assert len(standard) > 50
    assert quick == standard


def make(module: Any) -> Any:
    """A class with everything that is supported."""

    class Base:
        pass

    @module.dataclass(frozen=True)
    class Parent(Generic[V]):
        a: int
        kind: ClassVar[str] = "x"

    @module.dataclass(frozen=True, order=True)
    class Child(Parent[int], Base):
        b: str = "b"
        c: Any = module.field(default_factory=list, compare=False)

    return Child


@pytest.mark.parametrize("module", [dataclasses, records], ids=["standard", "quick"])
def test_everything_that_is_used_works(module: Any) -> None:
    child = make(module)
    one = child(1)
    assert (one.a, one.b, one.c, one.kind) == (1, "b", [], "x")
    assert one == child(1, b="b", c=[9])
    assert one != child(2)
    assert hash(one) == hash(child(1))
    assert child(1) < child(2)
    assert repr(one).endswith("Child(a=1, b='b', c=[])")
    assert module.replace(one, b="z") == child(1, "z")
    assert [item.name for item in module.fields(child)] == ["a", "b", "c"]
    wrongs: list[tuple[object, ...]] = [(), (1, "b", [], 4)]
    for wrong in wrongs:
        with pytest.raises(TypeError):
            child(*wrong)
    for given in ({"a": 1, "nonsense": 2}, {"b": "z"}):
        with pytest.raises(TypeError):
            child(**given)
    with pytest.raises(TypeError):
        child(1, a=2)
    with pytest.raises(module.FrozenInstanceError):
        one.a = 2
    with pytest.raises(module.FrozenInstanceError):
        del one.a


def test_what_is_not_supported_is_refused() -> None:
    with pytest.raises(TypeError, match="is not frozen"):
        records.dataclass(type("Loose", (), {}))
