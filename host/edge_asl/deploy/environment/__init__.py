"""A device's packages, laid out on the workstation."""
