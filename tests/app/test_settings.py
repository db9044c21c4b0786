"""What a shop's settings say when nobody said anything."""

from pathlib import Path

import pytest

from penchant.app.shop import Shop, init_shop
from penchant.app.work import material, model_settings
from penchant.errors import SettingsError
from penchant.model.settings import ModelSettings
from penchant.settings import TrainSettings
from penchant.testing.fakes import FakeTextEncoder


def test_a_shop_trains_as_the_model_does_by_itself() -> None:
    assert model_settings(TrainSettings()) == ModelSettings()


def test_an_encoder_that_nobody_knows_is_refused_before_texts_are_read(tmp_path: Path) -> None:
    init_shop(tmp_path / "shop", more="[train]\nencoder = 'foo'\n")
    encoder = FakeTextEncoder()
    with (
        Shop(tmp_path / "shop", writer=True, encoder=encoder) as shop,
        pytest.raises(
            SettingsError, match="unknown encoder 'foo': choose one of cnn, lstm, recurrent, transformer"
        ),
    ):
        material(shop, lambda what, share: None)
    assert encoder.read == []
