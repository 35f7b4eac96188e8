"""Operating system: memory and cores, processes and threads, atomic writing."""
