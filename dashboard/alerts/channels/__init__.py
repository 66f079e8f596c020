"""Ways out: one module for each kind of channel, and the one client that all of them go through."""
