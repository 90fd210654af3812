"""What customers answered: the public page, scores, history, and the list staff read."""
