"""Files from hosts and package registries, checked by their hashes and kept; archives' members."""
