"""Documents, near-duplicates and splits."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import UserError
from trainables.base.korean import Document, bundled, held_out_prompts, read_corpus, split_documents
from trainables.base.near_duplicates import jaccard, near_duplicate_groups, shingle_hashes

LONG = (
    "모든 국민은 법률이 정하는 바에 의하여 국방의 의무를 진다. "
    "누구든지 병역의무의 이행으로 불이익한 처우를 받지 아니한다."
)


def test_no_near_copy_of_a_held_out_document_is_trained_on() -> None:
    corpus = bundled()
    splits = [[shingle_hashes(d.text) for d in part] for part in (corpus.train, corpus.validation, corpus.test)]
    across = [jaccard(a, b) for i, left in enumerate(splits) for right in splits[i + 1 :] for a in left for b in right]
    assert max(across) < 0.5


def test_bundled_documents_are_prose_in_a_fixed_split() -> None:
    corpus = bundled()
    texts = [d.text for part in (corpus.train, corpus.validation, corpus.test) for d in part]
    assert len(texts) == len(set(texts)) > 300
    assert all(len(part) > 30 for part in (corpus.train, corpus.validation, corpus.test))
    assert any(text.startswith("대한민국은 민주공화국이다. 대한민국의 주권은 국민에게 있고") for text in texts)
    assert not any("--" in text or "\n" in text or text.startswith(("제1조 ", "①")) for text in texts)
    # the stand-in was trained on this split: changing it leaks held-out text into what it has seen
    assert corpus.sha256 == "a2f840ca8c4e93e7994ec5a52a3f2991c269fe97ff70904dc273c54c02ebf3bf"


def test_prompts_begin_held_out_documents_of_several_topics() -> None:
    prompts = held_out_prompts(16)
    assert len({p.prompt for p in prompts}) == 16
    assert len({p.document.source for p in prompts}) >= 5
    for p in prompts:
        assert p.document in bundled().test
        assert p.document.text.split() == [*p.prompt.split(), *p.reference.split()]
    with pytest.raises(UserError, match="'count' must be 1 to"):
        held_out_prompts(1000)


@pytest.mark.parametrize(
    "copy",
    [LONG.replace("국방", "납세"), LONG.replace(" ", ""), LONG + " 다만, 예외를 둔다.", LONG[:-20]],
)
def test_an_edited_copy_is_grouped_with_its_original(copy: str) -> None:
    assert near_duplicate_groups(["헌법재판소 재판관은 정당에 가입할 수 없다.", LONG, copy]) == [0, 1, 1]


words = st.lists(st.sampled_from([f"낱말{i}" for i in range(60)]), min_size=1, max_size=30).map(" ".join)


@given(st.lists(words, min_size=1, max_size=25), st.integers(0, 5))
def test_a_split_deals_out_every_distinct_document_once(texts: list[str], seed: int) -> None:
    documents = [Document(f"d#{i}", text) for i, text in enumerate(texts)]
    try:
        corpus = split_documents(documents, seed)
    except UserError:
        assert len(set(near_duplicate_groups(list(set(texts))))) < 3
        return
    parts = [{d.text for d in part} for part in (corpus.train, corpus.validation, corpus.test)]
    assert all(parts)
    assert sum(map(len, parts)) == len(set(texts))
    assert set.union(*parts) == set(texts)
    assert corpus == split_documents(documents, seed)


def test_a_file_is_parted_by_blank_lines_and_a_folder_by_files(tmp_path: Path) -> None:
    texts = [d.text for d in bundled().train[:12]]
    file = tmp_path / "my.txt"
    file.write_bytes("\n\n".join(texts).encode("cp949", errors="ignore"))  # as Korean Windows saves it
    folder = tmp_path / "folder"
    folder.mkdir()
    for i, text in enumerate(texts):
        (folder / f"{i}.txt").write_text(text, "utf-8")
    for path in (file, folder):
        corpus = read_corpus(path, 3)
        assert len(corpus.train) + len(corpus.validation) + len(corpus.test) == len(texts)
        characters = [sum(len(d.text) for d in part) for part in (corpus.train, corpus.validation, corpus.test)]
        assert characters[0] > 0.6 * sum(characters)


def test_bad_texts_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "one.txt").write_text("\n\n".join([LONG] * 9), "utf-8")
    (tmp_path / "noise.txt").write_bytes(bytes(range(128, 256)) * 9)
    for name, message in {
        "none.txt": "There is no text",
        "empty": "holds no .txt file",
        "one.txt": "found 1. In a single file, part documents by blank lines",
        "noise.txt": "neither UTF-8 nor CP949",
    }.items():
        with pytest.raises(UserError, match=message):
            read_corpus(tmp_path / name)


def test_different_seeds_split_differently() -> None:
    documents = list(bundled().train)
    held_out = [{d.name for d in split_documents(documents, seed).validation} for seed in range(4)]
    assert all(a != b for a, b in pairwise(held_out))
