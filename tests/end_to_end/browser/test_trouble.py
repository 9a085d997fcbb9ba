"""What the page says and does when the app is away, refuses, or wants a key."""

from playwright.sync_api import Route, expect

from tests.end_to_end.browser.conftest import Visit
from tests.end_to_end.browser.visitor import Visitor

KEY = "open sesame"


def behind_a_key(visitor: Visitor) -> None:
    """Answer as the app in the cloud does to who has no key."""

    def answer(route: Route) -> None:
        if route.request.headers.get("x-functions-key") == KEY:
            route.continue_()
        else:
            route.fulfill(status=401)

    visitor.page.route("**/api/**", answer)


def test_who_is_offline_is_told_so_until_it_is_over(visit: Visit) -> None:
    visitor = visit()
    expect(visitor.page.locator(".skeleton")).to_have_count(0)
    visitor.page.context.set_offline(True)
    said = "You are offline. This page goes on by itself once that is over."
    expect(visitor.connection).to_have_text(said)
    with visitor.page.expect_event("requestfailed"):
        visitor.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    visitor.page.evaluate("new Promise((resolve) => setTimeout(resolve))")
    expect(visitor.connection).to_have_text(said)
    visitor.page.context.set_offline(False)
    expect(visitor.connection).not_to_be_visible()


def test_an_app_that_is_away_leaves_the_page_waiting(visit: Visit) -> None:
    visitor = visit(path="about:blank")
    visitor.page.route("**/api/**", lambda route: route.abort("connectionrefused"))
    visitor.open()
    expect(visitor.connection).to_contain_text("Atelier does not answer.")
    expect(visitor.page.locator("#wall .skeleton")).to_have_count(3)
    visitor.page.unroute_all()
    expect(visitor.connection).not_to_be_visible()
    expect(visitor.page.locator(".skeleton")).to_have_count(0)


def test_a_problem_of_the_app_is_told_in_its_own_sentence(visit: Visit) -> None:
    visitor = visit(path="about:blank")
    problem = {"code": "unavailable", "detail": "the tasks are away", "action": "Ask again later."}
    visitor.page.route("**/api/jobs?*", lambda route: route.fulfill(status=503, json=problem))
    visitor.open()
    expect(visitor.connection).to_have_text("the tasks are away. Ask again later.")


def test_a_key_is_asked_for_once_and_kept_for_the_tab(visit: Visit) -> None:
    visitor = visit(path="about:blank")
    behind_a_key(visitor)
    visitor.open()
    dialog = visitor.page.locator("#ask-key")
    dialog.get_by_label("Function key").fill("mellon")
    dialog.get_by_role("button", name="Use it").click()
    expect(dialog.get_by_text("That key was refused")).to_be_visible()
    dialog.get_by_label("Function key").fill(KEY)
    dialog.get_by_label("Function key").press("Enter")
    expect(dialog).not_to_be_visible()
    expect(visitor.page.get_by_role("radio", name="Scream")).to_be_attached()
    visitor.page.reload()
    expect(visitor.page.get_by_role("radio", name="Scream")).to_be_attached()
    expect(dialog).not_to_be_visible()
    assert visitor.page.evaluate("Object.values(sessionStorage)") == [KEY]
    assert KEY not in visitor.page.evaluate("JSON.stringify(localStorage)")
    assert KEY not in visitor.page.url


def test_the_policy_lets_no_markup_be_made_of_text(visit: Visit) -> None:
    visitor = visit()
    made = visitor.page.evaluate("""() => {
      try {
        document.body.innerHTML = "<b>markup</b>";
        return "made";
      } catch (error) {
        return error.name;
      }
    }""")
    assert made == "TypeError"
    visitor.errors.clear()  # the browser reports what it refused
