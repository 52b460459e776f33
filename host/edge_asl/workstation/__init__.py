"""What the workstation offers to every command: the user's cache and pip."""
