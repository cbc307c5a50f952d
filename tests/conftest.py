"""What holds for every test: a skip is allowed only where tests/allowed_skips.txt names it."""

from __future__ import annotations

import fnmatch
import platform
from pathlib import Path

import pytest

ALLOWED = Path(__file__).parent / "allowed_skips.txt"


def kernel() -> str:
    """This kernel's release; `-uml` behind it tells User-Mode Linux from a machine's own."""
    cpu = Path("/proc/cpuinfo").read_text()
    return platform.release() + ("-uml" if "User Mode Linux" in cpu else "")


def allowed_skips(kernel: str) -> list[str]:
    """The patterns of test ids that may be skipped on this kernel."""
    patterns: list[str] = []
    for line in ALLOWED.read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text:
            release, _, pattern = text.partition(" ")
            if fnmatch.fnmatch(kernel, release):
                patterns.append(pattern.strip())
    return patterns


class SkipGuard:
    """Collects the skips that nobody allowed, and fails the run for them."""

    def __init__(self) -> None:
        self.patterns = allowed_skips(kernel())
        self.unlisted: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a skip whose id matches no allowed pattern."""
        listed = any(fnmatch.fnmatchcase(report.nodeid, pattern) for pattern in self.patterns)
        if report.skipped and not hasattr(report, "wasxfail") and not listed:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self.unlisted[report.nodeid] = reason

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """An unlisted skip fails the run."""
        if self.unlisted and session.exitstatus == 0:
            session.exitstatus = 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which skips nobody allowed."""
        for nodeid, reason in sorted(self.unlisted.items()):
            line = f"UNLISTED SKIP {nodeid}: {reason} (allow it in {ALLOWED.name}, or mend it)"
            terminalreporter.write_line(line, red=True)


class Notes:
    """Prints at the end what tests have to tell beside passing: each `record_property("note", ...)`."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the notes of a test."""
        if report.when == "teardown":
            self.said += [str(value) for name, value in report.user_properties if name == "note"]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print them."""
        for line in self.said:
            terminalreporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Install the guard; with xdist the reports reach the controller, so it stands there alone."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipGuard(), "skip-guard")
        config.pluginmanager.register(Notes(), "notes")
