"""BOTH SIDES: the policy engine. The only place that knows what a policy document means. Pure."""
