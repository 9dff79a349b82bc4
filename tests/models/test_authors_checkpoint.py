"""The authors' checkpoints: their numbers, and nothing executed."""

import pickle
import sys
import types
from pathlib import Path

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


CASE = Path(__file__).parents[1] / "cases/checkpoints/ddp_task.pth"


def content_of(path):
    return torch.load(path, weights_only=True)


def test_heads_under_a_wrappers_prefix_are_read():
    model, card = load_model(CASE)
    saved = content_of(CASE)
    assert torch.equal(model.visual_head.net[4].weight, saved["task"]["module.projector.net.4.weight"])
    assert torch.equal(model.text_head.net[0].weight, saved["task"]["module.text_proj.0.weight"])
    assert model.text_encoder is not None
    assert card.alignment.dim == 32


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "_fsdp_wrapped_module.", "inner"]
)
def test_every_wrapper_is_taken_off_wherever_it_stands(tmp_path, prefix):
    saved = content_of(CASE)
    plain = {name.removeprefix("module."): value for name, value in saved["task"].items()}
    if prefix == "inner":
        task = {name.replace("projector.", "projector._orig_mod.module."): value for name, value in plain.items()}
        model = {name.replace("up_stages.", "up_stages.module."): value for name, value in saved["model"].items()}
    else:
        task = {prefix + name: value for name, value in plain.items()}
        model = {prefix + name: value for name, value in saved["model"].items()}
    torch.save({"model": model, "task": task}, tmp_path / "w.pth")
    ours, theirs = load_model(tmp_path / "w.pth")[0].state_dict(), load_model(CASE)[0].state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_two_weights_that_differ_by_a_prefix_are_refused(tmp_path):
    saved = content_of(CASE)
    saved["model"]["module.proj.1.bias"] = saved["model"]["proj.1.bias"]
    torch.save(saved, tmp_path / "w.pth")
    with pytest.raises(DataError, match=r"module\.proj\.1\.bias': two weights of one name"):
        load_model(tmp_path / "w.pth")


def test_every_tensor_that_lacks_is_named(tmp_path):
    """Each of them, of backbone, heads and text encoder; a stage that is gone whole is another model, not a lack."""
    saved = content_of(CASE)
    for part in ("model", "task"):
        for name in saved[part]:
            less = {key: value for key, value in saved[part].items() if key != name}
            torch.save(saved | {part: less}, tmp_path / "w.pth")
            with pytest.raises(DataError) as caught:
                load_model(tmp_path / "w.pth")
            assert caught.value.file == tmp_path / "w.pth"
            assert caught.value.field == f"{part}.{name.removeprefix('module.')}"


ODD = {
    "another shape": lambda x: torch.zeros(*x.shape, 1),
    "no dimension": lambda x: torch.tensor(1.0),
    "longer": lambda x: torch.cat([x, x]),
    "integers": lambda x: torch.zeros(x.shape, dtype=torch.int32),
    "booleans": lambda x: torch.zeros(x.shape, dtype=torch.bool),
    "complex": lambda x: torch.zeros(x.shape, dtype=torch.complex64),
    "without data": lambda x: x.to("meta"),
    "NaN": lambda x: torch.full(x.shape, float("nan")),
    "infinity": lambda x: torch.full(x.shape, float("inf")),
    "beyond float32": lambda x: torch.full(x.shape, 1e300, dtype=torch.float64),
    "sparse": lambda x: x.to_sparse(),
    "a stride of 0": lambda x: torch.zeros(1).expand(10**9, 10**5),
    "a text": lambda x: "weights",
    "a list": lambda x: x.tolist(),
    "nothing": lambda x: None,
}
TENSORS = (
    ("model", "proj.1.weight"),
    ("model", "up_stages.0.module_1.lin_pos.0.weight"),
    ("model", "down_stages.1.module_4.bias"),
    ("task", "module.projector.net.4.bias"),
    ("task", "module.text_proj.0.weight"),
    ("task", "module.text_model.embeddings.word_embeddings.weight"),
    ("task", "module.text_model.transformer.layer.1.ffn.lin1.bias"),
)


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize(("part", "name"), TENSORS, ids=[name for _, name in TENSORS])
def test_an_odd_tensor_is_named_and_nothing_is_allocated_for_it(tmp_path, part, name, odd):
    saved = content_of(CASE)
    if odd is ODD["longer"] and "word_embeddings" in name:
        return  # a larger vocabulary is a possible one
    saved[part][name] = odd(saved[part][name])
    torch.save(saved, tmp_path / "w.pth")
    with pytest.raises(DataError, match=r"w\.pth, field"):
        load_model(tmp_path / "w.pth")


@pytest.mark.parametrize(
    "name",
    [
        "task.module.text_model.transformer.layer.999999999.ffn.lin1.bias",
        f"task.module.text_model.transformer.layer.{'9' * 5000}.ffn.lin1.bias",
        "task.module.text_model.transformer.layer.7.ffn.lin1.bias",
        "model.up_stages.0.module_999999999.bias",
        "model.up_stages.0.module_9999.bias",
        f"model.up_stages.{'9' * 5000}.module_1.bias",
        "model.up_stages.99.module_1.bias",
        "model.down_stages.999999999.module_1.bias",
    ],
    ids=lambda name: name[:60],
)
def test_layers_that_a_name_claims_are_not_made(tmp_path, name):
    saved = content_of(CASE)
    part, _, rest = name.partition(".")
    saved[part][rest] = torch.zeros(1, 32)
    torch.save(saved, tmp_path / "w.pth")
    with pytest.raises(DataError, match=r"w\.pth, field"):
        load_model(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("where", "value", "field"),
    [
        ("step", "soon", "step"),
        ("step", float("nan"), "step"),
        ("step", [1], "step"),
        ("config", [1], "config"),
        ("config", {"model": [1]}, "config.model"),
        ("config", {"model": {"k": "wide"}}, "config.model.k"),
        ("config", {"model": {"k": float("inf")}}, "config.model.k"),
        ("config", {"model": {"k": -1.0}}, "radius"),
        ("config", {"model": {"n_clusters": 10**400}}, "config.model.n_clusters"),
        ("config", {"model": {"pool": ["max"]}}, "pool"),
        ("config", {"model": {"conv": "deep"}}, "config.model"),
        ("config", {"model": {"clustering_at_inference": "false"}}, "clustering_at_inference"),
        ("config", {"model": {"conv": {"use_pos_attr": "false"}}}, "use_pos_attr"),
        ("config", {"model": {"conv": {"pos_act": 3}}}, "pos_act"),
        ("model", [], "model"),
        ("task", None, "task"),
        ("model", {7: torch.zeros(1)}, "model.proj.1.weight"),
    ],
)
def test_anything_else_that_is_odd_is_named(tmp_path, where, value, field):
    torch.save(content_of(CASE) | {where: value}, tmp_path / "w.pth")
    with pytest.raises(DataError) as caught:
        load_model(tmp_path / "w.pth")
    assert (caught.value.file, caught.value.field) == (tmp_path / "w.pth", field)


def test_weights_that_are_not_used_are_said(tmp_path, capsys):
    saved = content_of(CASE)
    saved["task"]["module.loss.scale"] = torch.ones(1)
    torch.save(saved, tmp_path / "w.pth")
    load_model(tmp_path / "w.pth")
    assert "1 weights of task are not used, the first is loss.scale" in capsys.readouterr().err
