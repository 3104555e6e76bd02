"""Tests of the demo federation."""
