"""A part of a text cache: made in blocks, merged, and believed block by block."""

import numpy as np
import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.base.locks import claimed
from hiero_lib.data.text_keys import text_keys
from hiero_lib.data.text_parts import EMBEDDINGS, WHOLE, Part, parts_in

KEYS = text_keys([str(number) for number in range(10)])


def begun(folder, keys=KEYS):
    return Part.create(folder, keys, dim=3, block_texts=4)


def numbers(wanted):
    """Each text's embedding is its place."""
    places = [KEYS.tolist().index(key) for key in wanted.tolist()]
    return np.repeat(np.array(places, dtype=np.float16)[:, None], 3, axis=1)


def test_a_part_is_filled_and_merged(tmp_path):
    part = begun(tmp_path)
    assert (part.blocks, part.open_blocks(), part.is_whole) == (3, [0, 1, 2], False)
    assert part.open_keys() == KEYS.tolist()
    told = []
    part.fill(numbers, lambda done, total: told.append((done, total)))
    assert told == [(0, 10), (4, 10), (8, 10), (10, 10)]
    embeddings, whole = part.whole_rows()
    assert whole.tolist() == list(range(10))
    assert embeddings[:, 1].tolist() == list(range(10))
    assert [path.name for path in tmp_path.iterdir()] == [part.path.name]


def test_who_comes_later_goes_on_where_the_first_one_is(tmp_path):
    first, second = begun(tmp_path), begun(tmp_path)
    assert first.path == second.path

    def encode_and_stop(wanted):
        if b"".join(wanted.tolist()) == b"".join(KEYS[4:8].tolist()):
            raise KeyboardInterrupt
        return numbers(wanted)

    with pytest.raises(KeyboardInterrupt):
        first.fill(encode_and_stop)
    assert second.open_blocks() == [1, 2]
    asked = []
    second.fill(lambda wanted: asked.append(len(wanted)) or numbers(wanted))
    assert asked == [4, 2]


def test_a_block_that_another_process_makes_is_left_to_it(tmp_path):
    part = begun(tmp_path)
    assert not part.is_worked_on()
    with claimed(part.path / ".block-00001.lock") as ours:
        assert ours
        assert part.is_worked_on()
        assert not part._make(1, numbers)
        assert part._make(0, numbers)
    assert not part.is_worked_on()
    assert part.open_blocks() == [1, 2]


def test_merged_with_a_block_missing_its_rows_are_not_there(tmp_path):
    part = begun(tmp_path)
    assert part._make(0, numbers)
    assert part._make(2, numbers)
    assert part.merge()
    embeddings, whole = part.whole_rows()
    assert whole.tolist() == [0, 1, 2, 3, 8, 9]
    assert embeddings[whole, 0].tolist() == [0, 1, 2, 3, 8, 9]
    assert begun(tmp_path, KEYS[4:8]).path != part.path


def test_a_whole_part_is_not_begun_again(tmp_path):
    """Its rows may be damaged: the same texts then go into a part of another name."""
    part = begun(tmp_path)
    part.fill(numbers)
    assert begun(tmp_path).path.name == f"{part.path.name}-1"


def test_a_block_that_is_damaged_before_it_is_merged_is_not_there(tmp_path, capsys):
    part = begun(tmp_path)
    for block in range(3):
        part._make(block, numbers)
    path = part.path / "block-00001.part"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    part.merge()
    assert part.whole_rows()[1].tolist() == [0, 1, 2, 3, 8, 9]
    assert "block-00001" in capsys.readouterr().err


def test_blocks_that_a_kill_left_beside_the_merged_file_are_removed(tmp_path):
    part = begun(tmp_path)
    part.fill(numbers)
    (part.path / "block-00000.part").write_bytes(b"left")
    (part.path / ".block-00000.lock").write_text("left")
    part.remove_left_overs()
    assert sorted(path.name for path in part.path.iterdir()) == ["about.json", EMBEDDINGS, "keys.npy", WHOLE]


def test_parts_of_a_cache(tmp_path, capsys):
    one, other = begun(tmp_path, KEYS[:5]), begun(tmp_path, KEYS[5:])
    assert {part.path for part in parts_in(tmp_path)} == {one.path, other.path}
    assert [part.path for part in parts_in(tmp_path, but={one.path})] == [other.path]
    (one.path / "about.json").write_text("{}")
    assert [part.path for part in parts_in(tmp_path)] == [other.path]
    assert str(one.path) in capsys.readouterr().err
    assert not one.path.exists()


def test_a_part_without_a_good_row_is_an_error(tmp_path):
    part = begun(tmp_path)
    part.fill(numbers)
    content = bytearray((part.path / EMBEDDINGS).read_bytes())
    for at in (130, 160, 187):
        content[at] ^= 1
    (part.path / EMBEDDINGS).write_bytes(content)
    with pytest.raises(DataError, match="no checksum"):
        part.whole_rows()


def test_blocks_that_cannot_be_opened_just_now_are_not_lost(tmp_path, monkeypatch):
    part = begun(tmp_path)
    for block in range(3):
        part._make(block, numbers)
    opened = type(part.path).open

    def refuse(self, mode="r", **options):
        if self.suffix == ".part":
            raise OSError(24, "Too many open files", str(self))
        return opened(self, mode, **options)

    with monkeypatch.context() as patched:
        patched.setattr(type(part.path), "open", refuse)
        with pytest.raises(OSError, match="Too many"):
            part.merge()
    assert not part.is_whole
    assert part.open_blocks() == []
    part.merge()
    assert len(part.whole_rows()[1]) == 10
