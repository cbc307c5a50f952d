#!/usr/bin/env python3
"""Ansible's inventory: every host of the job that the environment names, with its part of the job as variables."""

import json
import os
from pathlib import Path

given = json.loads(Path(os.environ["NETCTL_BENCH_JOB"]).read_text())
which = "job" if "NETCTL_BENCH_SPARING" in os.environ else "some"
variables = {name: {"job": host[which], "script": host["script"]} for name, host in given["hosts"].items()}
print(json.dumps({"all": {"hosts": sorted(variables)}, "_meta": {"hostvars": variables}}))
