"""Questions, notes of them, and what is told by memory. The kernel's own answers: tests/netns, tests/bpf_loader."""

from __future__ import annotations

import marshal
import os
from pathlib import Path
from typing import Any

import pytest

from state.host import questions, recall
from state.host.questions import digest, plainly, question, same, spoil, taking_notes
from state.problem import HostError

answers: dict[str, Any] = {}
asked: list[str] = []


@question
def the(name: str) -> Any:
    """What this test has written down as the answer."""
    asked.append(name)
    if answers[name] is None:
        raise OSError(5, "no answer")
    return answers[name]


@pytest.fixture(autouse=True)
def fresh() -> None:
    """No answers of another test."""
    answers.clear()
    asked.clear()
    answers.update(color=b"red", size=(1, 2, ("x", b"y")), nothing=())


def look(*names: str) -> questions.Notes:
    """The notes of a look that asks these."""
    with taking_notes() as notes:
        for name in names:
            the(name)
    return notes


def test_a_host_that_answers_as_it_did_is_the_same() -> None:
    assert same(look("color", "size", "nothing").lines())


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("color", b"der"), ("color", "red"), ("size", (1, 2, ("x", b"z"))), ("size", (1, 2, ("x",))), ("nothing", 0),
        ("nothing", b""), ("color", None),
    ],
)  # fmt: skip
def test_one_other_answer_makes_another_host(name: str, answer: Any) -> None:
    notes = look("color", "size", "nothing")
    answers[name] = answer
    if answer is None:
        with pytest.raises(OSError, match="no answer"):
            same(notes.lines())
    else:
        assert not same(notes.lines())


def test_in_one_look_a_question_is_asked_once() -> None:
    with taking_notes():
        assert the("color") == b"red"
        answers["color"] = b"blue"
        assert the("color") == b"red"
        assert plainly(the)("color") == b"blue"
    assert the("color") == b"blue"
    assert asked == ["color"] * 3


def test_a_look_with_an_error_or_with_more_than_questions_is_not_whole() -> None:
    answers["broken"] = None
    with taking_notes() as notes, pytest.raises(OSError, match="no answer"):
        the("broken")
    assert not notes.whole
    with taking_notes() as notes:
        the("color")
        spoil()
    assert not notes.whole
    assert look("color").whole


def test_equal_answers_have_one_digest_however_they_came_about() -> None:
    name = "".join(["et", "h0"])
    assert digest(("eth0", "eth0", 7)) == digest((name, "eth0", 7))
    assert digest((b"ab", b"")) != digest((b"a", b"b"))


def test_what_is_no_question_is_never_asked() -> None:
    assert not same([("os", "getpid", (), digest(os.getpid()))])
    assert not same([("state.host.questions", "digest", (b"",), digest(digest(b"")))])


BODY: dict[str, Any] = {"scope": {"netns": []}, "hold": True}
CODE = "digest cpython-311"


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A folder of this user's alone."""
    (tmp_path / "run").mkdir(mode=0o700)
    return str(tmp_path / "run")


def test_what_was_told_is_told_again(folder: str) -> None:
    recall.keep(folder, CODE, BODY, look("color", "size"), b'{"facts":1}')
    assert recall.recall(folder, CODE, BODY) == b'{"facts":1}'
    answers["color"] = b"blue"
    assert recall.recall(folder, CODE, BODY) is None
    answers["color"] = None
    assert recall.recall(folder, CODE, BODY) is None


@question
def wordy(missing: str) -> Any:
    """What has words for what is wrong, as a namespace that is gone."""
    if answers["words"] is ImportError:
        raise ModuleNotFoundError("No module named 'state.problem'")  # as where only the few modules are carried
    if answers["words"]:
        raise HostError.of(f"network namespace {missing}: no such file")
    return b""


@pytest.mark.parametrize("words", [True, ImportError])
def test_whatever_is_wrong_is_left_to_the_look_that_follows(folder: str, words: object) -> None:
    answers["words"] = False
    with taking_notes() as notes:
        wordy("web")
    recall.keep(folder, CODE, BODY, notes, b"{}")
    assert recall.recall(folder, CODE, BODY) == b"{}"
    answers["words"] = words
    assert recall.recall(folder, CODE, BODY) is None


OTHERS: list[tuple[str, str, dict[str, Any]]] = [
    ("other code", "digest cpython-312", BODY),
    ("another scope", CODE, {"scope": {"netns": ["web"]}, "hold": True}),
    ("another wish", CODE, {"scope": {"netns": []}, "hold": False}),
]


@pytest.mark.parametrize(("code", "body"), [case[1:] for case in OTHERS], ids=[case[0] for case in OTHERS])
def test_it_is_not_told_to_another_question(folder: str, code: str, body: dict[str, Any]) -> None:
    recall.keep(folder, CODE, BODY, look("color"), b"{}")
    assert recall.recall(folder, code, body) is None


def test_nothing_is_kept_that_could_not_be_repeated(folder: str) -> None:
    spoiled = look("color")
    spoiled.whole = False
    for code, notes in ((CODE, spoiled), ("", look("color")), (CODE, look())):
        recall.keep(folder, code, BODY, notes, b"{}")
        assert list(Path(folder).iterdir()) == []


def test_a_damaged_or_a_foreign_memory_is_none(folder: str) -> None:
    recall.keep(folder, CODE, BODY, look("color"), b"{}")
    path = Path(folder) / recall.FILE
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], whole[:40], whole.replace(b"color", b"colon"), b"\0" * 32 + marshal.dumps(())):
        path.write_bytes(damaged)
        assert recall.recall(folder, CODE, BODY) is None
    path.write_bytes(whole)
    Path(folder).chmod(0o755)
    assert recall.recall(folder, CODE, BODY) is None
    recall.keep(folder, CODE, BODY, look("size"), b"[]")
    assert path.read_bytes() == whole
