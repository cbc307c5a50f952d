"""The `netctl` command. Its parts are the folders beside this file; a wheel keeps them in `_netctl/`."""

import gc
import sys
from pathlib import Path

# A command keeps nearly all it makes until it ends: looking for what it no longer needs takes a tenth of its time.
gc.set_threshold(100_000, 50, 50)

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here / "_netctl" if (here / "_netctl").is_dir() else here))

try:
    from cli.app import main
except KeyboardInterrupt:  # too early for anybody else to answer
    sys.exit(130)

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
