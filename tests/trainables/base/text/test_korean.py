"""Documents, near-duplicates and splits."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import UserError
from trainables.base.text.corpus_files import read_corpus
from trainables.base.text.documents import Document, digest, split_documents
from trainables.base.text.korean import bundled, held_out_prompts
from trainables.base.text.language_models.model_folder import CORPUS_KEY, find_model
from trainables.base.text.near_duplicates import alike, near_duplicate_groups, shingle_hashes

LONG = (
    "모든 국민은 법률이 정하는 바에 의하여 국방의 의무를 진다. "
    "누구든지 병역의무의 이행으로 불이익한 처우를 받지 아니한다."
)


def test_no_near_copy_or_part_of_a_held_out_document_is_trained_on() -> None:
    corpus = bundled()
    splits = [[shingle_hashes(d.text) for d in part] for part in (corpus.train, corpus.validation, corpus.test)]
    assert not [
        (a, b) for i, left in enumerate(splits) for right in splits[i + 1 :] for a in left for b in right if alike(a, b)
    ]


def test_bundled_documents_are_prose_in_a_fixed_split() -> None:
    corpus = bundled()
    texts = [d.text for part in (corpus.train, corpus.validation, corpus.test) for d in part]
    assert len(texts) == len(set(texts)) > 300
    assert all(len(part) > 30 for part in (corpus.train, corpus.validation, corpus.test))
    assert any(text.startswith("대한민국은 민주공화국이다. 대한민국의 주권은 국민에게 있고") for text in texts)
    assert not any("--" in text or "\n" in text or text.startswith(("제1조 ", "①")) for text in texts)


def test_the_stand_in_was_trained_on_the_training_documents_of_this_split() -> None:
    assert find_model().config[CORPUS_KEY] == digest(bundled().train)


def test_prompts_begin_held_out_documents_of_several_topics() -> None:
    prompts = held_out_prompts(16)
    assert len({p.prompt for p in prompts}) == 16
    assert len({p.document.source for p in prompts}) >= 3
    for p in prompts:
        assert p.document in bundled().test
        assert p.document.text.split() == [*p.prompt.split(), *p.reference.split()]
        assert p.reference.endswith(".")
        assert not any(p.prompt in d.text for d in bundled().train)
    with pytest.raises(UserError, match="'held_out' asks for 1000"):
        held_out_prompts(1000)


@pytest.mark.parametrize(
    "copy",
    [
        LONG.replace("국방", "납세"),
        LONG.replace(" ", ""),
        LONG + " 다만, 예외를 둔다.",
        LONG[:-20],
        LONG[:25],  # a part of it
        f"대법관은 대통령이 임명한다. 그 밖의 법관은 대법원장이 임명한다. {LONG} 법관의 정년은 법률로 정한다. " * 2,
    ],
)
def test_an_edited_copy_or_a_part_is_grouped_with_its_original(copy: str) -> None:
    assert near_duplicate_groups(["헌법재판소 재판관은 정당에 가입할 수 없다.", LONG, copy]) == [0, 1, 1]


def test_a_common_phrase_does_not_group_what_holds_it() -> None:
    assert near_duplicate_groups([LONG, "모든 국민은 법률이 정하는", "법률이 정하는 바에 의하여"]) == [0, 1, 2]


@given(st.lists(st.text("가나 ", max_size=40), max_size=30))
def test_every_pair_that_is_alike_is_in_one_group(texts: list[str]) -> None:
    groups, shingles = near_duplicate_groups(texts), [shingle_hashes(text) for text in texts]
    assert all(groups[i] == groups[j] for i in range(len(texts)) for j in range(i) if alike(shingles[i], shingles[j]))


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
    (folder / "empty.txt").mkdir()
    (folder / "nowhere.txt").symlink_to("gone.txt")
    wide = tmp_path / "wide.txt"
    wide.write_text("\n\n".join(texts), "utf-16")  # as older editors of Windows do
    for path in (file, folder, wide):
        corpus = read_corpus(path, 3)
        assert len(corpus.train) + len(corpus.validation) + len(corpus.test) == len(texts)
        characters = [sum(len(d.text) for d in part) for part in (corpus.train, corpus.validation, corpus.test)]
        assert characters[0] > 0.6 * sum(characters)


def test_a_lone_document_is_cut_into_its_paragraphs_and_said(tmp_path: Path) -> None:
    texts = [d.text for d in bundled().train[:30]]
    story = tmp_path / "story.txt"
    for body in ("\n".join(f"  {text}" for text in texts), " ".join(f"{text}." for text in texts)):
        story.write_text(f"동백꽃\n\n김유정\n\n{body}", "utf-8")
        corpus = read_corpus(story)
        assert len(corpus.train) + len(corpus.validation) + len(corpus.test) > 15
        assert min(sum(len(d.text) for d in part) for part in (corpus.validation, corpus.test)) > 100
        assert "cut into" in corpus.note
    lines = tmp_path / "reviews.txt"
    lines.write_text("\n".join(texts), "utf-8")
    assert len(read_corpus(lines).train) > 15


REPEATED = {
    "a story": "동백꽃\n\n김유정\n\n"
    + "\n".join(f"  오늘도 또 우리 수탉이 막 쫓기었다. 이것은 {i}번째 단락이다." for i in range(60)),
    "a form letter": "\n".join(
        f"안녕하세요 고객님, 주문하신 상품 {i}번이 오늘 오후에 출발하였습니다. 감사합니다." for i in range(40)
    ),
    "a song in one line": " ".join(f"{i}절. 아리랑 아리랑 아라리요 아리랑 고개를 넘어간다." for i in range(50)),
}


@pytest.mark.parametrize("text", REPEATED.values(), ids=REPEATED.keys())
def test_a_lone_text_that_repeats_itself_is_split_and_said(text: str, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(text, "utf-8")
    corpus = read_corpus(tmp_path / "text.txt")
    assert "near copies of each other" in corpus.note
    characters = [sum(len(d.text) for d in part) for part in (corpus.train, corpus.validation, corpus.test)]
    assert characters[0] > 0.6 * sum(characters)
    assert min(characters) > 60


def test_a_split_of_a_few_characters_is_refused(tmp_path: Path) -> None:
    texts = [*(d.text for d in bundled().train[:2]), "짧은 글", "더 짧다"]
    (tmp_path / "few.txt").write_text("\n\n".join(texts), "utf-8")
    with pytest.raises(UserError, match=r"characters are left for .*, too few"):
        read_corpus(tmp_path / "few.txt")


def test_bad_texts_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "one.txt").write_text("\n\n".join([LONG] * 9), "utf-8")
    (tmp_path / "noise.txt").write_bytes(bytes(range(128, 256)) * 9)
    (tmp_path / "picture.txt").write_bytes(b"GIF89a" + bytes(40))
    (tmp_path / "half.txt").write_bytes(LONG.encode("utf-16")[:-1])
    for name, message in {
        "none.txt": "There is no text",
        "empty": "holds no .txt file",
        "one.txt": "found 1. In a single file, separate documents by blank lines",
        "noise.txt": "is not text in UTF-8, UTF-16 or CP949",
        "picture.txt": "is not text in UTF-8, UTF-16 or CP949",
        "half.txt": "is not text in UTF-8, UTF-16 or CP949",
    }.items():
        with pytest.raises(UserError, match=message):
            read_corpus(tmp_path / name)


def test_different_seeds_split_differently() -> None:
    documents = list(bundled().train)
    held_out = [{d.name for d in split_documents(documents, seed).validation} for seed in range(4)]
    assert all(a != b for a, b in pairwise(held_out))


@pytest.mark.parametrize(
    ("name", "frame", "said"),
    [
        ("a.jsonl", '{{"text": "{}"}}', "looks like JSON"),
        ("a.csv", "{}", "looks like a table"),
        ("a.html", "<html><p>{}</p></html>", "looks like HTML"),
        ("a.txt", "[제1막] {}", ""),
    ],
)
def test_markup_that_would_be_learned_as_text_is_said(name: str, frame: str, said: str, tmp_path: Path) -> None:
    texts = [document.text.replace('"', "") for document in bundled().train[:20]]
    (tmp_path / name).write_text("\n\n".join(frame.format(text) for text in texts), "utf-8")
    note = read_corpus(tmp_path / name).note
    assert (said in note) if said else "looks like" not in note
