"""The invented company one walks through before trusting the program with one's own."""
