"""HOST: a look at this host by memory: most of the time nothing has changed since the last one.

The last look is kept with the questions it rests on (`state.host.questions`) and what was to be told of it. Where the
host answers all of them as it did then, the same is told, in less than half the time: nothing need be made sense of.
The kernel is asked all the same; with the file deleted nothing changes but the time taken.
"""

from __future__ import annotations

import marshal
import os
import sys
from _blake2 import blake2b

from state.frame import pack
from state.host import private, questions
from state.host.greeting import hello

TYPE_CHECKING = False  # see `state.host.questions`
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Optional

FILE = "look"
VERB = "observe"
_SEAL = 32
_MARSHAL = 2


def keep(folder: str, code: str, body: Mapping[str, Any], notes: questions.Notes, reply: bytes) -> None:
    """Keep what was told, as JSON, of a look that can be repeated. `code` stands for the code that made sense of it."""
    lines = notes.lines()
    if code and notes.whole and lines:
        data = marshal.dumps((_asked(code, body), lines, reply), _MARSHAL)
        private.write(folder, FILE, blake2b(data, digest_size=_SEAL).digest() + data)


def recall(folder: str, code: str, body: Mapping[str, Any]) -> Optional[bytes]:
    """What there is to tell, as JSON; None where the host must be looked at."""
    data = private.read(folder, FILE) or b""
    if blake2b(data[_SEAL:], digest_size=_SEAL).digest() != data[:_SEAL]:
        return None
    asked, lines, reply = marshal.loads(data[_SEAL:])
    told: bytes = reply
    return told if asked == _asked(code, body) and _is_same(lines) else None


def _asked(code: str, body: Mapping[str, Any]) -> bytes:
    return questions.digest((code, body))


def _is_same(lines: Any) -> bool:
    try:
        return questions.same(lines)
    except (OSError, ImportError):  # whatever it is, the look that follows says it better
        return False
    except _told_in_words():
        return False


def _told_in_words() -> tuple[type[Exception], ...]:
    """What a question raises that has words for what is wrong; here it has none: they are not carried along."""
    words = sys.modules.get("state.problem")
    return () if words is None else (words.NetctlError,)


def answer(asked: Mapping[str, str], code: str, request: Mapping[str, Any], out: int) -> bool:
    """Greet and answer a request by memory, if that can be done."""
    if request.get("verb") != VERB:
        return False
    told = recall(asked["folder"], code, request.get("body", {}))
    if told is None:
        return False
    frame = b'{"id":%d,"ok":%b}' % (request["id"], told)
    view = memoryview(pack(hello(asked["digest"])) + len(frame).to_bytes(4, "big") + frame)
    while view:
        view = view[os.write(out, view) :]
    return True
