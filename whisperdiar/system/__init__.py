"""The machine and its files: memory and cores, processes and threads, writing without loss."""
