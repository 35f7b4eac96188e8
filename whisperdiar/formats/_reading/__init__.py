"""What readers of several formats use."""
