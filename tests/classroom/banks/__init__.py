"""Right code with switches that make it wrong, of which make_banks.py makes the banks."""
