"""Pointing, pressing, keys, sliders: what the page shows is what the arrays say."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from minixattn import plot

QUERIES, KEYS = ["a", "cat", "sat"], ["eine", "Katze", "sitzt", "."]


@pytest.fixture
def weights(rng, softmax):
    return softmax(2 * rng.normal(size=(2, 3, 4)))


def numbers(page, side):
    """The numbers written below the words of a side; "" where there is none."""
    return page.locator(f"#{side} .value").all_inner_texts()


def expected(weights):
    return [f"{w:.2f}" if w >= 0.005 else "" for w in weights]


def word(page, side, text):
    return page.locator(f"#{side} [role=option]", has=page.get_by_text(text, exact=True))


def said(page):
    return page.locator("#says").inner_text()


def test_the_page_opens_with_the_first_query_and_the_mean_of_the_heads(opened, weights):
    page = opened(plot.explore(weights, QUERIES, KEYS, title="Who looks where?"))
    assert page.title() == page.locator("h1").inner_text() == "Who looks where?"
    assert "Point at a query" in page.locator("#hint").inner_text()
    assert numbers(page, "keys") == expected(weights.mean(0)[0])
    assert said(page).startswith("“a” looks at “")
    assert page.locator("#shown").inner_text() == "layer 0, mean of 2 heads"


def test_pointing_at_a_query_shows_its_row_and_leaving_brings_the_pressed_one_back(opened, weights):
    page = opened(plot.explore(weights, QUERIES, KEYS))
    word(page, "queries", "sat").hover()
    assert numbers(page, "keys") == expected(weights.mean(0)[2])
    best = weights.mean(0)[2].argmax()
    assert said(page).startswith(f"“sat” looks at “{KEYS[best]}” {weights.mean(0)[2, best]:.2f}")
    page.locator("h1").hover()
    assert numbers(page, "keys") == expected(weights.mean(0)[0])


def test_pointing_at_a_key_shows_its_column_on_the_queries(opened, weights):
    page = opened(plot.explore(weights, QUERIES, KEYS))
    word(page, "keys", "Katze").hover()
    assert numbers(page, "queries") == expected(weights.mean(0)[:, 1])
    assert numbers(page, "keys") == [""] * 4
    assert said(page).startswith("“Katze” is looked at by “")


def test_a_press_stays(opened, weights):
    page = opened(plot.explore(weights, QUERIES, KEYS))
    word(page, "queries", "cat").click()
    page.locator("h1").hover()
    assert numbers(page, "keys") == expected(weights.mean(0)[1])
    assert word(page, "queries", "cat").get_attribute("aria-selected") == "true"


def test_a_tap_does_what_pointing_does(opened, weights):
    page = opened(plot.explore(weights, QUERIES, KEYS), has_touch=True)
    word(page, "keys", "sitzt").tap()
    assert numbers(page, "queries") == expected(weights.mean(0)[:, 2])


def test_arrow_keys_move_between_the_words_and_tab_passes_over_them(opened, weights):
    page = opened(plot.explore(weights, QUERIES, KEYS))
    word(page, "queries", "a").focus()
    page.keyboard.press("ArrowRight")
    assert numbers(page, "keys") == expected(weights.mean(0)[1])
    page.keyboard.press("End")
    assert numbers(page, "keys") == expected(weights.mean(0)[2])
    page.keyboard.press("ArrowRight")  # there is nothing further
    assert numbers(page, "keys") == expected(weights.mean(0)[2])
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.innerText")
    assert focused.startswith(KEYS[0])
    page.keyboard.press("ArrowDown")
    assert numbers(page, "queries") == expected(weights.mean(0)[:, 1])


def test_words_from_right_to_left_are_laid_out_and_walked_so(opened, weights):
    page = opened(plot.explore(weights, ["في", "البيت", "قط"], KEYS))
    left = [box.bounding_box()["x"] for box in page.locator("#queries .word").all()]
    assert left == sorted(left, reverse=True)
    page.locator("#queries .word").first.focus()
    page.keyboard.press("ArrowLeft")
    assert numbers(page, "keys") == expected(weights.mean(0)[1])


def test_a_head_is_chosen_in_the_list_or_by_its_picture(opened, weights):
    page = opened(plot.explore(weights, QUERIES, KEYS))
    page.get_by_label("Head", exact=True).select_option("head 1")
    assert numbers(page, "keys") == expected(weights[1, 0])
    page.locator(".head").nth(0).click()
    assert numbers(page, "keys") == expected(weights[0, 0])
    assert page.get_by_label("Head", exact=True).input_value() == "0"
    page.locator(".head").nth(0).click()  # again: back to the mean
    assert numbers(page, "keys") == expected(weights.mean(0)[0])


def test_a_layer_is_chosen_or_the_mean_of_all(opened, rng, softmax):
    first, second = softmax(rng.normal(size=(2, 3, 4))), softmax(rng.normal(size=(1, 3, 4)))
    page = opened(plot.explore([first, second], QUERIES, KEYS, layers=["lower", "upper"]))
    assert page.locator("#layer option").all_inner_texts() == ["mean of 2 layers", "lower", "upper"]
    page.get_by_label("Layer", exact=True).select_option("upper")
    assert numbers(page, "keys") == expected(second[0, 0])
    page.get_by_label("Layer", exact=True).select_option("mean of 2 layers")
    assert numbers(page, "keys") == expected((first.mean(0) + second[0])[0] / 2)


def test_the_slider_goes_through_time(opened, rng, softmax):
    weights = softmax(rng.normal(size=(5, 2, 3, 4)))
    page = opened(plot.explore(weights, QUERIES, KEYS, time=[0, 100, 200, 300, 400]))
    slider = page.get_by_label("Step", exact=True)
    assert slider.is_visible() and page.locator("#moment-value").inner_text() == "0"
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.locator("#moment-value").inner_text() == "200"
    assert numbers(page, "keys") == expected(weights[2].mean(0)[0])
    page.locator("#play").click()
    expect(page.locator("#moment-value")).to_have_text("400")
    assert numbers(page, "keys") == expected(weights[4].mean(0)[0])
    assert page.locator("#play").inner_text() == "Play"


def test_the_temperature_computes_the_softmax_again(opened, rng, softmax):
    scores = 2 * rng.normal(size=(1, 3, 4))
    page = opened(plot.explore(softmax(scores), QUERIES, KEYS))
    assert page.locator("#changed").is_hidden()
    slider = page.get_by_role("slider", name="Temperature")
    slider.fill("20")
    assert page.locator("#temperature-value").inner_text() == "10.00"
    assert numbers(page, "keys") == expected(softmax(scores / 10)[0, 0])
    assert "At 1 the weights are the model’s own" in page.locator("#changed").inner_text()
    slider.fill("-10")
    assert numbers(page, "keys") == expected(softmax(scores * 10**0.5)[0, 0])
    slider.fill("0")
    assert numbers(page, "keys") == expected(softmax(scores)[0, 0])


def test_weights_that_are_no_softmax_have_no_temperature(opened, rng):
    page = opened(plot.explore(rng.random((3, 4)), QUERIES, KEYS))
    assert page.get_by_role("slider", name="Temperature").is_disabled()
    assert "no softmax" in page.locator("#changed").inner_text()
    assert "sums to 1" not in page.locator("#precision").inner_text()


def test_pointing_at_a_place_of_the_matrix_names_its_query_key_and_weight(opened, weights):
    page = opened(plot.explore(weights, QUERIES, KEYS))
    box = page.locator("#matrix canvas").bounding_box()
    corner = (box["x"] + box["width"] - 15, box["y"] + box["height"] - 15)
    page.mouse.move(*corner)
    assert said(page).startswith(f"“sat” looks at “.” {weights.mean(0)[2, 3]:.2f}")
    page.mouse.click(*corner)
    page.locator("h1").hover()
    assert word(page, "queries", "sat").get_attribute("aria-selected") == "true"


def test_an_image_is_pointed_at_by_patch(opened, rng, softmax):
    weights = softmax(2 * rng.normal(size=(2, 3, 6)))
    page = opened(plot.explore(weights, QUERIES, image=rng.random((20, 30, 3)), grid=(2, 3)))
    assert "where in the image it looks" in page.locator("#hint").inner_text()
    assert page.locator("#keys img").evaluate("i => [i.naturalWidth, i.naturalHeight]") == [30, 20]
    patches = page.locator("#keys .patch")
    assert patches.count() == 6
    patches.nth(4).hover()
    assert numbers(page, "queries") == expected(weights.mean(0)[:, 4])
    assert said(page).startswith("the patch in row 1, column 1 is looked at by “")
    patches.nth(1).click()
    page.keyboard.press("ArrowDown")  # the patch below
    assert numbers(page, "queries") == expected(weights.mean(0)[:, 4])
    word(page, "queries", "cat").hover()
    tint = patches.nth(4).evaluate("p => getComputedStyle(p).backgroundColor")
    alpha = float(re.search(r"([\d.]+)\)$", tint).group(1))
    assert alpha == pytest.approx(0.8 * weights.mean(0)[1, 4], abs=0.01)


def test_an_image_may_stand_for_the_queries(opened, rng, softmax):
    weights = softmax(rng.normal(size=(4, 3)))
    page = opened(plot.explore(weights, keys=QUERIES, image=rng.random((8, 8))))
    assert page.locator("#queries .patch").count() == 4
    word(page, "keys", "cat").hover()
    assert said(page).startswith("“cat” is looked at by the patch in row ")


def test_masked_keys_are_hatched_and_a_query_that_may_look_nowhere_says_so(opened, softmax):
    allowed = np.array([[True, True, False], [False, False, False]])
    weights = np.array([[0.25, 0.75, 0], [0, 0, 0]])
    page = opened(plot.explore(weights, ["a", "b"], ["x", "y", "z"], mask=allowed))
    hatched = [w.get_attribute("class") for w in page.locator("#keys .word").all()]
    assert ["hidden-key" in c for c in hatched] == [False, False, True]
    assert "masked: may not be looked at" in page.locator("#legend").inner_text()
    word(page, "queries", "b").hover()
    assert said(page) == "“b” may look nowhere: the mask forbids every key."


def test_nan_is_shown_as_such(opened):
    page = opened(plot.explore([[np.nan, 0.5], [0.5, 0.5]], ["a", "b"], ["x", "y"]))
    assert said(page) == "“a”: the weights are not numbers (NaN)."
    assert numbers(page, "keys") == ["NaN", "0.50"]
    assert "NaN" in page.locator("#legend").inner_text()
    page.get_by_role("slider", name="Temperature").fill("10")
    assert numbers(page, "keys")[0] == "NaN"


def test_one_token_is_enough(opened):
    page = opened(plot.explore([[1.0]], ["only"], ["one"]))
    assert said(page) == "“only” looks at “one” 1.00."
