"""Tests of the media server's parts."""
