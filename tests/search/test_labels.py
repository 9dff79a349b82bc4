import numpy as np
import pytest

from hiero_lib.search.labels import Labels, Texts


def test_a_blob_holds_the_texts_that_were_put_into_it() -> None:
    given = ["cuts the onion", "", "ä \U0001f9c5 <b>", "cuts the onion", "\udce9", ""]
    texts = Texts()
    which = np.concatenate([texts.numbers(given[:3]), texts.numbers(given[3:])])
    labels = Labels(which, *texts.blob())
    assert which.tolist() == [0, 1, 2, 0, 3, 1]
    assert list(labels) == given
    assert [labels[row] for row in range(len(given))] == given
    assert labels[1:4] == given[1:4]
    assert labels[-1] == ""
    assert "\udce9" in labels
    assert len(labels) == 6
    with pytest.raises(IndexError):
        labels[6]


def test_no_text_is_no_text() -> None:
    texts = Texts()
    assert list(Labels(texts.numbers([]), *texts.blob())) == []
