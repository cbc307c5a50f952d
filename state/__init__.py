"""BOTH SIDES: what netctl knows about networks. Pure, but for `state/host`; standard library only; Python 3.9."""
