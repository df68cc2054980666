"""Replicas in several processes stay the same, bit for bit, and the same as one on all the data."""

import pytest
import torch
from torch import distributed, nn
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel

from landscape_gym.optim import FilterBank, SelfScaledAdam, SelfScaledSOAP

STEPS = 200
NAMED = {cls.__name__: cls for cls in (SelfScaledAdam, SelfScaledSOAP, FilterBank)}


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)).double()


def trained(net: nn.Module, name: str, rows: slice) -> torch.Tensor:
    optimizer = NAMED[name](net.parameters())
    for step in range(STEPS):
        x = torch.randn(16, 4, generator=torch.Generator().manual_seed(step)).double()
        y = torch.stack([x[:, 0] * x[:, 1], x.sum(-1)], -1)
        optimizer.zero_grad()
        loss = (net(x[rows]) - y[rows]).square().mean()
        loss.backward()
        optimizer.step(loss=loss)
    return torch.cat([p.detach().reshape(-1) for p in net.parameters()])


def replica(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    rows = slice(8 * rank, 8 * rank + 8)
    ends = {name: trained(DistributedDataParallel(model()), name, rows) for name in NAMED}
    torch.save(ends, f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def replicas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("replicas")
    spawn(replica, (str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("name", NAMED)
def test_two_replicas(replicas, name):
    assert torch.equal(replicas[0][name], replicas[1][name])
    alone = trained(model(), name, slice(0, 16))
    torch.testing.assert_close(replicas[0][name], alone, rtol=0, atol=1e-6)
