"""What a deployment is made of: each step says what it does and which command on the device does it."""
