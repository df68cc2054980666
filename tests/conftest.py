"""What holds for every test: one torch thread, and the same Hypothesis examples in every run."""

import hypothesis
import torch

torch.set_num_threads(1)

hypothesis.settings.register_profile("deterministic", derandomize=True, deadline=None)
hypothesis.settings.load_profile("deterministic")
