"""One repository a file; each method works for the organization it is given."""
