"""What a shop's settings say when nobody said anything."""

from penchant.app.work import model_settings
from penchant.model.settings import ModelSettings
from penchant.settings import TrainSettings


def test_a_shop_trains_as_the_model_does_by_itself() -> None:
    assert model_settings(TrainSettings()) == ModelSettings()
