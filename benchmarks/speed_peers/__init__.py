"""The parts of `benchmarks/speed.py`: the workloads, one module for each peer, and how they are measured."""
