"""HOST: the file of originals: what netctl overwrote and cannot mark."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from state.naming import STATE_FOLDER
from state.problem import HostError


class OriginalsFile:
    """`originals.json` in netctl's folder on the host: sections of names and values, each written once."""

    def __init__(self, folder: str = STATE_FOLDER) -> None:
        self._folder = folder
        self._path = f"{folder}/originals.json"

    def remember(self, section: str, values: Mapping[str, str]) -> None:
        """Keep the values that are not kept yet; returns when they are on the disk."""
        kept = self._load()
        merged = {**values, **kept.get(section, {})}
        if merged != kept.get(section, {}):
            kept[section] = merged
            try:
                self._write(json.dumps(kept, indent=1, sort_keys=True))
            except OSError as error:
                summary = f"cannot write {self._path}: {error.strerror}"
                detail = "Nothing was changed: what is overwritten is kept there first, so that destroy can restore it."
                raise HostError.of(summary, detail) from error

    def recall(self, section: str) -> Mapping[str, str]:
        """What was kept, empty when nothing was or the file is gone."""
        return self._load().get(section, {})

    def forget(self) -> None:
        """Remove the file."""
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            return

    def _load(self) -> dict[str, dict[str, str]]:
        try:
            with open(self._path) as file:
                loaded: dict[str, dict[str, str]] = json.load(file)
                return loaded
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            detail = "Repair it, or remove it: destroy then leaves sysctls as they are."
            raise HostError.of(f"cannot read {self._path}: {error}", detail) from error

    def _write(self, text: str) -> None:
        os.makedirs(self._folder, exist_ok=True)
        fresh = f"{self._path}.new"
        with open(fresh, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._path)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
