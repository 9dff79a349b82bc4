"""The authors' checkpoints: their numbers, and nothing executed."""

import pickle
import sys
import types

import pytest
import torch
from safetensors.torch import load_file

from hiero_lib.base.errors import DataError, UnsafeFileError
from hiero_lib.data.segments import VideoSegments
from hiero_lib.models.authors_checkpoint import read_authors_checkpoint
from hiero_lib.models.checkpoints import load_model
from hiero_lib.models.text_encoders import distilbert_from_state_dict


def text_of(golden, heads, expected):
    """The projected text of the checkpoint's DistilBERT with so many attention heads."""
    file = golden / "authors_checkpoint.pth"
    encoder = distilbert_from_state_dict(read_authors_checkpoint(file).text_encoder, n_heads=heads)
    model, _ = load_model(file)
    return model.text_head(encoder.encode_ids(expected["input_ids"], expected["attention_mask"]))


def test_authors_checkpoint_equals_golden(golden):
    model, card = load_model(golden / "authors_checkpoint.pth")
    expected = load_file(golden / "authors_checkpoint_outputs.safetensors")
    x, pos = expected["x"], expected["pos"]
    video = VideoSegments(x=x, pos=pos, indices=torch.arange(len(x)))
    with torch.no_grad():
        levels = model.backbone(video)
        projected = torch.cat([model.visual_head(level.x) for level in levels])
        texts = [text_of(golden, heads, expected) for heads in range(1, 25) if model.text_encoder.dim % heads == 0]
    depth = torch.cat([torch.full((len(level.x),), level.level) for level in levels])
    assert torch.equal(depth, expected["depth"])
    torch.testing.assert_close(projected, expected["projected"], rtol=1e-5, atol=1e-5)
    # weights do not tell the number of attention heads: one of the possible ones, and only one, gives the numbers
    assert sum(torch.allclose(text, expected["text"], rtol=1e-5, atol=1e-5) for text in texts) == 1
    assert card.model.thread_graph == "released"
    assert card.model.input_size == x.shape[1]


def test_settings_come_from_the_file_golden(golden):
    checkpoint = read_authors_checkpoint(golden / "authors_checkpoint.pth")
    assert checkpoint.config["model"]["conv"]["pos_act"] == checkpoint.model.pos_act
    assert checkpoint.config["model"]["n_layers"] == checkpoint.model.n_layers
    assert checkpoint.config["task"]["alpha"] == 1.0
    assert checkpoint.step > 0


class Harm:
    """On being unpickled, creates the file that it is told to."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


@pytest.mark.parametrize("where", ["config", "model"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_hostile_pickle_is_refused_and_does_nothing(tmp_path, golden, where, zipped):
    victim = tmp_path / "victim"
    path = tmp_path / "hostile.pth"
    state = {"model": {"proj.1.weight": torch.zeros(2, 2)}, "task": {}, "config": {}}
    state[where] = {"x": Harm(victim)}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnsafeFileError, match=r"hostile\.pth.*open"):
        load_model(path)
    assert not victim.exists()
    pickle.loads(pickle.dumps(Harm(victim))).close()
    assert victim.exists(), "the harm is real where a pickle is trusted"


def pose(*arguments):
    """Pickled under the name ``omegaconf.nodes.AnyNode``; would be called on a trusting load."""
    raise AssertionError("executed")


class Poser:
    def __reduce__(self):
        return pose, ("anything",)


def test_a_class_that_poses_as_omegaconf_stays_inert(tmp_path, monkeypatch):
    """A name under ``omegaconf.`` is accepted, but nothing of that name is ever imported or called."""
    path = tmp_path / "poser.pth"
    nodes = types.ModuleType("omegaconf.nodes")
    nodes.AnyNode = pose
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "omegaconf", types.ModuleType("omegaconf"))
        patch.setitem(sys.modules, "omegaconf.nodes", nodes)
        patch.setattr(pose, "__module__", "omegaconf.nodes")
        patch.setattr(pose, "__qualname__", "AnyNode")
        torch.save({"model": {}, "task": {}, "config": Poser()}, path)
        with pytest.raises(AssertionError, match="executed"):
            torch.load(path, weights_only=False)
        with pytest.raises(DataError, match=r"proj\.1\.weight"):  # read, and found to hold no model
            load_model(path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_other_files_are_named(tmp_path, content):
    path = tmp_path / "broken.pth"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.pth.*not readable"):
        load_model(path)


def test_a_truncated_file_is_named(tmp_path, golden):
    whole = (golden / "authors_checkpoint.pth").read_bytes()
    path = tmp_path / "truncated.pth"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"truncated\.pth"):
        load_model(path)


def test_a_tensor_of_another_shape_is_named(tmp_path, golden):
    stored = read_authors_checkpoint(golden / "authors_checkpoint.pth")
    state = {"model": {}, "task": {}}
    state["model"]["proj.1.weight"] = stored.backbone["projection.weight"]
    path = tmp_path / "partial.pth"
    torch.save(state, path)
    with pytest.raises(DataError, match="up_stages"):
        load_model(path)
