"""Puts the console beside the API: `argus.api.app.build(services, more=(attach,))`.

A page is added like this:

1. A module with its handlers, each `async def shown(visit: Visit) -> web.StreamResponse`, and at its end the table
   `PAGES`, rows of `argus.console.page.Page`. A row says method, path, who may (`roles`), and its name in the menu if
   it is there (`menu`). Nobody else gets in: no session leads to the login page, another role to one of 403. A POST
   reaches its handler only with the session's CSRF token and from our own pages.
2. One line in `PAGES` below. The order of the menu is the order here.
3. A template that extends `base.html` and fills the blocks `title`, `main` and, with a module of its own,
   `scripts` (`<script type="module" src="{{ static('mine.js') }}"></script>`, the file being in `static/`). Neither
   `style="..."` nor a script in the page: the content security policy takes only files. SVG attributes are free.

`visit.render("mine.html", ...)` answers with a template; `visit.back(path, flash)` redirects after a POST, and the
next page shows the flash once. What changes something is asked of the API's own handler, which keeps its own roles:

    flash = await visit.ask(users.lock, visit.filled(users.LockRequest, reason="..."), user_id=user_id)
    return visit.back(f"/users/{quoted(user_id)}", flash)

Every form posts `csrf_token`: the macro `act` of `macros.html` is a form of one button, `token` the hidden field.
"""

from itertools import chain
from typing import Final

from aiohttp import web

from argus.api.services import SERVICES
from argus.console import alert, analytics, cases, feed, login, member, models, rules, runbooks, simulator, user
from argus.console.assets import serve_assets
from argus.console.page import Page, page
from argus.console.view import MENU, Entry, in_words, set_up

PAGES: Final[tuple[Page, ...]] = tuple(
    chain(
        login.PAGES,
        feed.PAGES,
        alert.PAGES,
        cases.PAGES,
        user.PAGES,
        member.PAGES,
        analytics.PAGES,
        rules.PAGES,
        models.PAGES,
        runbooks.PAGES,
        simulator.PAGES,
    )
)


def attach(app: web.Application) -> None:
    """Adds the pages, their files, and pages of words for browsers that ask for what is not there."""
    settings = app[SERVICES].settings
    rows = [row for row in PAGES if not row.needs or getattr(settings, row.needs)]
    app[MENU] = tuple(Entry(row.menu, row.path, row.listed or row.roles) for row in rows if row.menu)
    app[user.LOCATE] = user.locate_of(settings.geo_city_file)
    set_up(app)
    app.middlewares.append(in_words)
    serve_assets(app)
    for row in rows:
        app.router.add_route(row.method, row.path, page(row))
