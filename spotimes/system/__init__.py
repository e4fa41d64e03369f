"""What the code needs of the system: whole files, exit codes, standard error, the CPU."""
