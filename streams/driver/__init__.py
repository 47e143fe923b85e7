"""How skyfence reaches into Faust and aiokafka: all of their private API, and nothing else."""
