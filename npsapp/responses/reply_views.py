"""Pages of replies: the list, and marking them as read."""

import re

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import ngettext
from flask_login import current_user

from npsapp.db import transaction
from npsapp.delivery import bounces, incoming
from npsapp.lib.clock import utcnow
from npsapp.permissions import Permission
from npsapp.responses import replies
from npsapp.web import listing
from npsapp.web.access import Room, scope
from npsapp.web.pages import done

bp = Room("replies", __name__, url_prefix="/answers/replies", template_folder="templates")
bp.add_app_template_filter(bounces.without_quotes, "own_words")
bp.add_app_template_global(lambda answer: replies.of_answer(answer, scope()), "replies_to")
bp.add_app_template_global(lambda: incoming.unread(scope()), "unread_replies")

PAGE_SIZE = 20


@bp.page("/", Permission.SEE_ANSWERS)
def index() -> ResponseReturnValue:
    """Replies to letters, newest first."""
    unread = listing.picked("read", ("unread",))
    rows = replies.newest(scope(), unread=bool(unread), before_id=listing.whole("after"), limit=PAGE_SIZE + 1)
    page = listing.page_by_key(rows, size=PAGE_SIZE, key=lambda row: (row.Incoming.id,))
    return render_template("responses/replies.html", page=page, unread=unread)


@bp.deed("/read", Permission.SEE_ANSWERS)
def mark() -> ResponseReturnValue:
    """Mark one reply, or all on a page, as read or unread."""
    ids = [int(number) for number in re.findall("[0-9]{1,9}", request.form.get("ids", ""))][:PAGE_SIZE]
    read = request.form.get("state") != "unread"
    with transaction():
        count = incoming.mark(ids, read=read, scope=scope(), by_id=current_user.id, now=utcnow())
    words = ngettext("%(num)s reply is marked.", "%(num)s replies are marked.", count)
    answer = request.form.get("answer", type=int)
    return done(words, "responses.show", response_id=answer) if answer else done(words, ".index")
