"""What two diarizers or more use."""
