"""What one client sends."""
