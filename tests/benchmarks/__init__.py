"""Tests of the arithmetic of `make bench`; the measuring itself is no test."""
