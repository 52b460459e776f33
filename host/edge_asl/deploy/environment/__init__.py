"""A device's environment, laid out on the workstation."""
