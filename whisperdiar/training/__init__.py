"""Training on recordings with references: a segmentation network is fine-tuned, a diarizer's thresholds are tuned."""
