"""Learned rules that come with the library: data, which `landscape_gym.artifact` reads by name."""
