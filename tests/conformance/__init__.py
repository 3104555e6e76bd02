"""Tests of the media server with the official LiveKit clients."""
