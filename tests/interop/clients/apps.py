"""Client applications of the npm registry, pinned, each in a cache of its own: ``.conformance/clients/``.

They are installed without their own install scripts, and run in a home folder of the test's (see `places`).
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conformance.npm import ROOT, NotInstalled, installed

__all__ = ["App"]

_CACHE = ROOT / ".conformance" / "clients"


class App(NamedTuple):
    """A client application: the package that holds it, and the file in it that is run."""

    name: str
    version: str
    packages: Mapping[tuple[str, str], tuple[str, str]]
    """Of each platform and machine (of `sys` and `platform`): a package, and the file's path in it."""

    def program(self) -> Path:
        """The file, installed first if need be; the test is skipped, with the reason, where it cannot be had."""
        found = self.packages.get((sys.platform, platform.machine()))
        if found is None:
            pytest.skip(f"{self.name} has no package for {sys.platform} on {platform.machine()}")
        package, file = found
        try:
            modules = installed(_CACHE / self.name, {package: self.version})
        except NotInstalled as error:
            pytest.skip(f"{self.name} {self.version} cannot be had: {error}")
        return modules / package / file
