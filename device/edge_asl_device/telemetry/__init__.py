"""What the program reports about itself: log lines, metrics, and its state to systemd."""
