"""What the program says of itself: log lines, metrics, and to systemd."""
