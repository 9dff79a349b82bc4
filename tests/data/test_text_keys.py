"""Keys of texts: equal for equal texts alone, and found among others."""

import numpy as np

from hiero_lib.data.text_keys import KEY, find_keys, text_keys


def test_keys_are_of_the_text_alone():
    one, other = text_keys(["a", "b", "a", "", "\udc80"]), text_keys(["a"])
    assert one.dtype == KEY
    assert one.shape == (5,)
    assert one[0] == one[2] == other[0]
    assert len(set(one.tolist())) == 4


def test_a_key_with_zeros_at_its_end_is_itself():
    """numpy's S16 takes zeros at the end for nothing; with a fixed width that changes no comparison."""
    raw = np.array([b"a" * 15 + b"\0", b"a" * 15 + b"b", b"a" * 14 + b"\0\0"], dtype=KEY)
    assert len(np.unique(raw)) == 3
    assert find_keys(raw, np.sort(raw)).tolist() == [1, 2, 0]


def test_missing_keys_are_minus_one():
    known = np.sort(text_keys([str(i) for i in range(100)]))
    wanted = text_keys(["5", "nowhere", "99"])
    places = find_keys(wanted, known)
    assert places[1] == -1
    assert (known[places[[0, 2]]] == wanted[[0, 2]]).all()
    assert find_keys(wanted, known[:0]).tolist() == [-1, -1, -1]
    assert find_keys(wanted[:0], known).shape == (0,)
