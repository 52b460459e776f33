"""What is done with letters, words and text besides the page."""
