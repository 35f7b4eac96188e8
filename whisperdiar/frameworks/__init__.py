"""What backends share per library: imports that explain themselves, devices, threads, telemetry."""
