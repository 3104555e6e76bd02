"""What one client is sent."""
