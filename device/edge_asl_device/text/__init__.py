"""From predictions to text: pure, no clock."""
