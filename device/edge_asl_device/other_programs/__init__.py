"""What other programs and libraries say, and how it is read: each room that runs one has a table of its own."""
