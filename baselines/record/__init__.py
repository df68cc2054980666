"""Trajectories of policies as data: for Minari, CSV and Parquet."""
