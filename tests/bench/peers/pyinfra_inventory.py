"""pyinfra's inventory: every host of the job that the environment names, with its part of the job as data."""

import json
import os
from pathlib import Path

given = json.loads(Path(os.environ["NETCTL_BENCH_JOB"]).read_text())
hosts = [
    (
        host["address"],
        {
            "ssh_port": host["port"],
            "ssh_user": "root",
            "ssh_key": given["identity"],
            "ssh_strict_host_key_checking": "off",
            "ssh_known_hosts_file": "/dev/null",
            "job": host["job" if "NETCTL_BENCH_SPARING" in os.environ else "some"],
            "scripts": host["scripts"],
        },
    )
    for host in given["hosts"].values()
]
