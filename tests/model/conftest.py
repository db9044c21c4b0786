import numpy as np
import pytest
import torch

from penchant.model.settings import ModelSettings


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def small() -> ModelSettings:
    return ModelSettings(
        dim=16,
        layers=1,
        dropout=0.0,
        dropout_long=0.0,
        lr=0.01,
        max_epochs=6,
        batch=64,
        memory=8,
        text_dim=8,
        threads=1,
    )


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
