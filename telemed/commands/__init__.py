"""What an operator does at a terminal: one module for each kind of deed."""
