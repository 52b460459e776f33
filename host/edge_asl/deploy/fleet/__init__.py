"""Many devices at once, through Ansible."""
