"""Other programs: run as a child with a time limit, and what they say read by tables that lie where they are used."""
