"""HOST: the datapath and its loader."""
