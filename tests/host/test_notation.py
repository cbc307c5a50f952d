"""The agent's own JSON is the standard library's."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import Any

import pytest

from state.host import notation

VALUES: list[Any] = [
    None, True, 0, -1, 1 << 70, 1.5, 1e300, "", "a", 'ä"\\\n\u2028\x7f😀', [], {}, [1, [2, {"a": None}]],
    {"b": 1, "a": [True, 0.1], "ü": "ß"},
]  # fmt: skip
BROKEN = ["", "{", "[1,]", '"a', "01", "{'a': 1}", "[1] 2", "nul", '{"a" 1}', '"\n"']


OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"sort_keys": True},
    {"ensure_ascii": False},
    {"separators": (",", ":")},
    {"indent": 1},
)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_it_writes_and_reads_is_the_same(value: Any) -> None:
    for options in OPTIONS:
        text = json.dumps(value, **options)
        assert notation.dumps(value, **options) == text
        assert notation.loads(text) == notation.loads(text.encode()) == value
    assert notation.JSONEncoder(sort_keys=True).encode(value) == json.dumps(value, sort_keys=True)
    assert notation.load(io.StringIO(f" {json.dumps(value)}\n")) == value


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (the words differ)
        notation.loads(text)


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(TypeError, match="Object of type set is not JSON serializable"):
        notation.dumps({"a": {1}})


def test_in_its_place_it_does_without_the_standard_module() -> None:
    script = (
        "import sys; from state.host import notation; sys.modules['json'] = notation\n"
        "import json; assert json.loads(json.dumps([1])) == [1]\n"
        "try: json.loads('{')\nexcept ValueError: pass\n"
        "assert 'json.decoder' not in sys.modules\n"
        "assert json.dumps([1], indent=1) == '[\\n 1\\n]' and json.JSONDecodeError\n"
        "assert sys.modules['json'] is notation\n"
    )
    subprocess.run([sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, '.')\n{script}"], check=True)
