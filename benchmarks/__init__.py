"""What `argus bench` measures: Argus beside its peers, on this machine, in one run."""
