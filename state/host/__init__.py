"""HOST: the impure part of state: the agent and the real kernel."""
