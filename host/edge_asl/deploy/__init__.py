"""From a bundle on the workstation to kiosks that run it: facts, plan, apply."""
