"""What a student reads: right, open, which mistake, or how it differs; and what a machine gets."""

import numpy as np
import pytest

from minixattn.course import check, grade
from minixattn.course.checking import judge


def right(Q, K):
    return Q @ K.swapaxes(-1, -2) / K.shape[-1] ** 0.5


def said(answer, capsys, name="attention.scores"):
    check(name, answer)
    return capsys.readouterr().out


def test_a_right_answer_gets_one_line(capsys):
    assert said(right, capsys) == "✓ attention.scores: right.\n"


def test_an_open_answer_is_not_called_wrong(capsys):
    assert said(..., capsys) == "… attention.scores: not answered yet.\n"


def test_a_mistake_is_named_with_a_hint(capsys):
    text = said(lambda Q, K: Q @ K.swapaxes(-1, -2), capsys)
    assert text.startswith("✗ attention.scores: wrong.\n  The scale is missing.\n  How large")


def test_an_unknown_mistake_is_told_by_how_it_differs(capsys):
    text = said(lambda Q, K: right(Q, K) + 1, capsys)
    assert "The result has the right shape (3, 3), but 9 of 9 numbers are wrong" in text
    assert "Asked for: scores(Q, K) → Q Kᵀ / √d_k" in text
    assert "has shape (3,), expected (3, 3)" in said(lambda Q, K: right(Q, K).sum(-1), capsys)
    assert "2 results arrived, expected 1" in said(lambda Q, K: (Q, K), capsys)
    assert "not finite" in said(lambda Q, K: right(Q, K) * np.nan, capsys)
    assert "of type <U1, expected float64" in said(lambda Q, K: np.full((3, 3), "a"), capsys)


def test_a_mask_of_numbers_is_told_from_a_bool_one(capsys):
    text = said(lambda L, S: np.tri(L, S), capsys, "masks.causal")
    assert "of type float64, expected bool" in text


def test_an_error_of_the_student_is_shown_as_theirs(capsys):
    def mine(Q, K):
        return Q @ K.oops

    text = said(mine, capsys)
    assert "Your code raised an error." in text
    assert "return Q @ K.oops" in text
    assert "AttributeError: 'numpy.ndarray' object has no attribute 'oops'" in text


def test_an_error_that_a_known_mistake_leads_to_is_named_too(capsys):
    def mine(g, A, B):
        return g @ B, A @ g

    text = said(mine, capsys, "autodiff.matmul")
    assert "ValueError" in text and "The transposes are missing." in text


def test_an_answer_that_changes_its_inputs_is_told_so(capsys):
    def mine(Q, K):
        Q /= K.shape[-1] ** 0.5
        return Q @ K.swapaxes(-1, -2)

    assert "It changes its inputs." in said(mine, capsys)


def test_what_a_student_answers_is_not_what_others_see(capsys):
    def mine(Q, K):
        K[:] = 0
        return right(Q, K)

    said(mine, capsys)
    assert said(right, capsys).startswith("✓")


def test_a_number_in_place_of_a_function_is_told_so(capsys):
    assert "Expected a function or class, got int" in said(3, capsys)


def test_an_unknown_exercise_lists_the_likeliest():
    with pytest.raises(ValueError, match="no exercise 'attention.score'; did you mean at"):
        check("attention.score", right)


def test_a_machine_gets_an_error_unless_the_answer_is_right():
    assert grade("attention.scores", right) is None
    with pytest.raises(AssertionError, match="attention.scores: wrong. The scale is missing"):
        grade("attention.scores", lambda Q, K: Q @ K.swapaxes(-1, -2))
    with pytest.raises(AssertionError, match="not answered yet"):
        grade("attention.scores", None)


def test_nothing_is_printed_to_a_machine(capsys):
    judge("attention.scores", right)
    assert capsys.readouterr() == ("", "")


def test_a_list_of_numbers_is_one_array(capsys):
    def greedy(next_logits, begin, end, longest):
        ids = [begin]
        while len(ids) <= longest and ids[-1] != end:
            ids.append(int(np.argmax(next_logits(ids))))
        return ids[1:]

    for form in (list, tuple, np.array, lambda ids: [np.int64(i) for i in ids]):
        text = said(lambda *a, form=form: form(greedy(*a)), capsys, "decoding.greedy")
        assert text == "✓ decoding.greedy: right.\n"
    rows = said(lambda Q, K: right(Q, K).tolist(), capsys)
    assert rows == "✓ attention.scores: right.\n"
    assert "has shape (0,), expected (4,)" in said(lambda *a: [], capsys, "decoding.greedy")


def test_an_answer_for_tensors_is_right_too(capsys):
    scores = lambda Q, K: Q @ K.transpose(-2, -1) / K.shape[-1] ** 0.5  # noqa: E731
    assert said(scores, capsys) == "✓ attention.scores: right.\n"
    product = lambda g, A, B: (g @ B.transpose(-2, -1), A.transpose(-2, -1) @ g)  # noqa: E731
    assert said(product, capsys, "autodiff.matmul") == "✓ autodiff.matmul: right.\n"
    softmax = lambda s: s.softmax(dim=-1)  # noqa: E731
    assert said(softmax, capsys, "attention.weights") == "✓ attention.weights: right.\n"
    assert "The scale is missing." in said(lambda Q, K: Q @ K.unsqueeze(0)[0].mT, capsys)


def test_an_error_comes_with_what_the_answer_was_called_with(capsys):
    text = said(lambda Q, K: Q @ K, capsys)
    assert "It was called with an array (3, 5), an array (3, 5)." in text
    assert "K.swapaxes(-1, -2) is what K.transpose(-1, -2) is for tensors" in text


def test_a_line_of_the_student_is_found_in_a_folder_that_is_called_as_the_package(
    capsys, tmp_path
):
    path = tmp_path / "minixattn-work" / "mine.py"
    path.parent.mkdir()
    path.write_text("def mine(Q, K):\n    return Q @ K.oops\n")
    space = {}
    exec(compile(path.read_text(), str(path), "exec"), space)
    assert "line 2: return Q @ K.oops" in said(space["mine"], capsys)


def test_what_is_no_array_is_called_by_its_type(capsys):
    text = said(lambda Q, K: {"scores": Q}, capsys)
    assert "The result is a dict, expected an array of shape (3, 3)." in text
    assert "is a str, expected" in said(lambda Q, K: "scores", capsys)
    text = said(lambda Q, K, V, dO: Q, capsys, "autodiff.attention")
    assert "1 result arrived, expected 3." in text
