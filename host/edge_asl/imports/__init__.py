"""Models from elsewhere: finding them, their labels, what old files need. No TensorFlow here."""
