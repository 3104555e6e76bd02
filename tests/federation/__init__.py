"""Tests of what nodes say to each other."""
