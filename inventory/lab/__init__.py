"""WORKSTATION: hosts as network namespaces on this machine, each with its own sshd."""
