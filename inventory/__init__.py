"""WORKSTATION: which hosts there are, how to reach them, and what to ask of them."""

import sys
from typing import cast

# paramiko imports `invoke` where it is installed, for `Match exec` in ssh_config alone; it takes 50 ms of each command.
cast("dict[str, object]", sys.modules).setdefault("invoke", None)
