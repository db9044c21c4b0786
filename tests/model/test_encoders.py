import numpy as np
import pytest
import torch

from penchant.errors import SettingsError
from penchant.model.encoders import ENCODERS, Entry, make_encoder, make_step
from penchant.model.encoders.recurrent import Scan
from penchant.testing.encoder_contract import EncoderContract


class TestRecurrent(EncoderContract):
    encoder = "recurrent"


class TestLstm(EncoderContract):
    encoder = "lstm"


class TestCnn(EncoderContract):
    encoder = "cnn"


class TestTransformer(EncoderContract):
    encoder = "transformer"


@pytest.fixture(scope="class")
def training_only():
    """An encoder that cannot serve."""
    ENCODERS["recurrent-training-only"] = Entry("recurrent:Recurrent")
    yield
    del ENCODERS["recurrent-training-only"]


@pytest.mark.usefixtures("training_only")
class TestWithoutStepForm(EncoderContract):
    encoder = "recurrent-training-only"


def test_scan_has_its_exact_gradient() -> None:
    shapes = (5, 2, 3), (5, 2, 3), (2, 3)
    inputs = [torch.rand(s, dtype=torch.float64, requires_grad=True) for s in shapes]
    assert torch.autograd.gradcheck(Scan.apply, inputs)


def test_taste_fades_with_real_time() -> None:
    net = make_encoder("recurrent", 8, 1, 0.0)
    step = make_step("recurrent", {n: w.numpy() for n, w in net.state_dict().items()})
    state = np.ones(8, np.float32)
    x = np.zeros(8, np.float32)
    soon, _ = step.step(state, x, np.float32(0))
    late, _ = step.step(state, x, np.float32(500))
    assert np.abs(late).sum() < np.abs(soon).sum()


def test_an_unknown_encoder_names_those_there_are() -> None:
    with pytest.raises(SettingsError, match="choose one of cnn, lstm, recurrent, transformer"):
        make_encoder("rnn", 8, 1, 0.0)
