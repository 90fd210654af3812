"""What must hold: at every moment, and when everything is done. Asked of the rows, the mail server, the SMS gateway."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, text

from npsapp.reports.models import DailyTally, InvitedTally, PerformerTally, QuestionTally
from tests.crashes.gateway import Gateway
from tests.crashes.sink import Sink
from tests.crashes.world import seconds

NOTICED_S = 30  # after so long the program knows that an SMS was on its way, also where processes take 20 to be back

# Every query gives the rows that must not be there.
ALWAYS = {
    "an interaction with two lines": "SELECT interaction_id FROM invitation GROUP BY 1 HAVING count(*) > 1",
    "a decided interaction without a line": """
        SELECT i.id FROM interaction i LEFT JOIN invitation v ON v.interaction_id = i.id
        WHERE NOT i.undecided AND v.id IS NULL""",
    "a line without a reason or a moment": """
        SELECT id FROM invitation
        WHERE (state = 'excluded' AND reason IS NULL) OR (state = 'planned' AND send_at IS NULL)""",
    "an invitation handed over without a letter": """
        SELECT v.id FROM invitation v LEFT JOIN invitation_step s ON s.invitation_id = v.id AND s.number = 1
        WHERE v.state IN ('handed_over', 'answered') AND s.message_id IS NULL""",
    "an invitation with two letters of one step": """
        SELECT invitation_id FROM invitation_step GROUP BY invitation_id, number HAVING count(*) > 1""",
    "a reminder that does not refer to its letter": """
        SELECT r.id FROM message r JOIN invitation_step s ON s.message_id = r.id
        JOIN invitation_step f ON f.invitation_id = s.invitation_id AND f.number = 1
        JOIN message m ON m.id = f.message_id WHERE r.purpose = 'reminder' AND r.refers_to <> m.message_id""",
    "a step that was handed over without a message, or the other way round": """
        SELECT id FROM invitation_step WHERE (state = 'planned') <> (message_id IS NULL) AND state <> 'cancelled'""",
    "a reminder written to somebody who had answered": """
        SELECT m.id FROM message m JOIN invitation_step s ON s.message_id = m.id
        JOIN response r ON r.invitation_id = s.invitation_id
        WHERE m.purpose = 'reminder' AND r.confirmed_at < m.created_at""",
    "a customer's letter without an invitation": """
        SELECT m.id FROM message m LEFT JOIN invitation_step s ON s.message_id = m.id
        WHERE m.purpose IN ('invitation', 'reminder') AND s.id IS NULL""",
    "an invitation without its fact of contact": """
        SELECT v.customer_id FROM invitation v LEFT JOIN contact_fact f
        ON f.customer_id = v.customer_id AND f.kind = 'invited'
        WHERE v.handed_over_at IS NOT NULL GROUP BY v.id, v.customer_id HAVING count(f.id) <> 1""",
    "an answer without its fact of contact": """
        SELECT r.customer_id FROM response r LEFT JOIN contact_fact f
        ON f.customer_id = r.customer_id AND f.kind = 'answered'
        GROUP BY r.id, r.customer_id HAVING count(f.id) <> 1""",
    "a letter that left and is not in the log once": """
        SELECT v.id FROM invitation v LEFT JOIN audit_entry a
        ON a.event = 'invitation.sent' AND a.subject_type = 'invitation' AND a.subject_id = v.id
        WHERE v.sent_at IS NOT NULL GROUP BY v.id HAVING count(a.id) <> 1""",
    "an answer that is not in the log once": """
        SELECT r.id FROM response r LEFT JOIN audit_entry a
        ON a.event = 'response.received' AND a.subject_type = 'response' AND a.subject_id = r.id
        GROUP BY r.id HAVING count(a.id) <> 1""",
    "a finished answer that is not in the log once": """
        SELECT r.id FROM response r LEFT JOIN audit_entry a
        ON a.event = 'response.finished' AND a.subject_type = 'response' AND a.subject_id = r.id
        WHERE r.finished_at IS NOT NULL GROUP BY r.id HAVING count(a.id) <> 1""",
    "a log about an answer that is not there": """
        SELECT a.id FROM audit_entry a LEFT JOIN response r ON r.id = a.subject_id
        WHERE a.subject_type = 'response' AND a.subject_id IS NOT NULL AND r.id IS NULL""",
    "an answer whose revisions are not all there": """
        SELECT r.id FROM response r LEFT JOIN response_revision v ON v.response_id = r.id
        GROUP BY r.id, r.revision HAVING count(v.id) <> r.revision""",
    "an answer whose changes are not all in the log": """
        SELECT r.id FROM response r LEFT JOIN audit_entry a
        ON a.event = 'response.changed' AND a.subject_type = 'response' AND a.subject_id = r.id
        GROUP BY r.id, r.revision HAVING count(a.id) <> r.revision - 1""",
    "an answer and an invitation that do not know of each other": """
        SELECT v.id FROM invitation v LEFT JOIN response r ON r.invitation_id = v.id
        WHERE (v.state = 'answered') <> (r.id IS NOT NULL)""",
    "an honest answer that was disputed": "SELECT id FROM disputed_answer",
    "a case without an owner": """
        SELECT c.id FROM "case" c LEFT JOIN "user" u ON u.id = c.owner_id WHERE u.id IS NULL""",
    "a case without an answer": """
        SELECT c.id FROM "case" c LEFT JOIN case_response a ON a.case_id = c.id WHERE a.response_id IS NULL""",
    "a case that is not in the log once": """
        SELECT c.id FROM "case" c LEFT JOIN audit_entry a
        ON a.event = 'case.opened' AND a.subject_type = 'case' AND a.subject_id = c.id
        GROUP BY c.id HAVING count(a.id) <> 1""",
    "a case that was not given to its owner in the log": """
        SELECT c.id FROM "case" c LEFT JOIN audit_entry a
        ON a.event = 'case.assigned' AND a.subject_type = 'case' AND a.subject_id = c.id
        GROUP BY c.id HAVING count(a.id) < 1""",
    "a log about a case that is not there": """
        SELECT a.id FROM audit_entry a LEFT JOIN "case" c ON c.id = a.subject_id
        WHERE a.subject_type = 'case' AND c.id IS NULL""",
    "a file that is applied half and cannot go on": """
        SELECT b.id FROM import_batch b LEFT JOIN staged_part s ON s.batch_id = b.id
        WHERE b.state IN ('staged', 'applying', 'done') GROUP BY b.id, b.rows, b.applied
        HAVING b.applied + coalesce(sum(s.count - s.done), 0) <> b.rows""",
    "a file whose counts are not its rows": """
        SELECT b.id FROM import_batch b LEFT JOIN interaction i ON i.batch_id = b.id
        GROUP BY b.id, b.accepted HAVING count(i.id) <> b.accepted""",
    "a file whose rejects are not all kept": """
        SELECT b.id FROM import_batch b LEFT JOIN rejected_row r ON r.batch_id = b.id
        GROUP BY b.id, b.rejected HAVING count(r.id) <> b.rejected""",
    "an imported file that is not in the log once": """
        SELECT b.id FROM import_batch b LEFT JOIN audit_entry a
        ON a.event = 'import.applied' AND a.subject_type = 'import_batch' AND a.subject_id = b.id
        GROUP BY b.id, b.state HAVING count(a.id) <> CASE b.state WHEN 'done' THEN 1 ELSE 0 END""",
    "an uploaded file that is not in the log once": """
        SELECT b.id FROM import_batch b LEFT JOIN audit_entry a
        ON a.event = 'import.uploaded' AND a.subject_type = 'import_batch' AND a.subject_id = b.id
        GROUP BY b.id HAVING count(a.id) <> 1""",
    "an address of two customers": "SELECT value FROM contact_point GROUP BY kind, value HAVING count(*) > 1",
    "a letter to staff that nobody remembers": """
        SELECT 1 WHERE (SELECT count(*) FROM message WHERE purpose = 'staff') <> (SELECT count(*) FROM staff_letter)""",
}

DONE = {
    "an interaction nobody decided about": "SELECT id FROM interaction WHERE undecided",
    "a message that is neither final nor due": """
        SELECT id FROM message
        WHERE state NOT IN ('sent', 'delivered') AND NOT (state = 'unknown' AND sent_at IS NOT NULL)
        AND NOT (state = 'cancelled' AND purpose = 'reminder')""",
    "a due reminder that did not leave": """
        SELECT s.id FROM invitation_step s JOIN invitation v ON v.id = s.invitation_id
        WHERE s.state = 'planned' AND v.state = 'handed_over' AND s.due_at < v.handed_over_at""",
    "a message that left, or may have left, and is not noted": """
        SELECT v.id FROM invitation v JOIN invitation_step s ON s.invitation_id = v.id
        JOIN message m ON m.id = s.message_id WHERE m.sent_at IS NOT NULL AND v.sent_at IS NULL""",
    "a message that left on no day": "SELECT id FROM invitation WHERE (sent_at IS NULL) <> (sent_on IS NULL)",
    "a customer with a phone who was not asked": """
        SELECT v.id FROM invitation v JOIN contact_point c ON c.customer_id = v.customer_id AND c.kind = 'phone'
        LEFT JOIN invitation_step s ON s.invitation_id = v.id AND s.number = 1
        WHERE s.message_id IS NULL""",
    "an unhappy answer without a case": """
        SELECT r.id FROM response r LEFT JOIN case_response c ON c.response_id = r.id
        WHERE r.score < 7 AND r.finished_at IS NOT NULL AND c.case_id IS NULL""",
    "a changed answer nobody looked at": """
        SELECT r.id FROM response r JOIN case_response c ON c.response_id = r.id
        WHERE c.looked_at_revision <> r.revision""",
    "a day to be counted again": "SELECT local_date FROM dirty_day",
    "a file that is not done": "SELECT id FROM import_batch WHERE state NOT IN ('done', 'staged')",
}

FIGURES = ("n", "promoters", "passives", "detractors")
COUNTED = """count(*), sum(CASE WHEN r.score >= 9 THEN 1 ELSE 0 END),
    sum(CASE WHEN r.score BETWEEN 7 AND 8 THEN 1 ELSE 0 END), sum(CASE WHEN r.score <= 6 THEN 1 ELSE 0 END)"""
CLEAN = """NOT EXISTS (SELECT 1 FROM dirty_day d WHERE d.tallied = 'answers'
    AND d.survey_id = {0}.survey_id AND d.local_date = {0}.local_date)"""
CLEAN_SENT = """NOT EXISTS (SELECT 1 FROM dirty_day d WHERE d.tallied = 'invitations'
    AND d.survey_id = {0}.survey_id AND d.local_date = {0}.{1})"""


def broken(connection: Connection, *, done: bool = False) -> list[str]:
    """What does not hold at this moment; with `done` also what must hold when everything is done."""
    queries = ALWAYS | (DONE if done else {})
    found = [
        f"{name}: {len(rows)}, such as {rows[0]}"
        for name, sql in queries.items()
        if (rows := connection.execute(text(sql)).all())
    ]
    return [*found, *_wrong_tallies(connection), *_wrong_plan_log(connection)]


def _wrong_tallies(connection: Connection) -> Iterator[str]:
    """Days that need no recount: their tallies are a fresh GROUP BY of the answers."""
    daily = "survey_id, local_date, region_id, unit_id, segment_id, channel"
    fresh = "r.survey_id, r.local_date, coalesce(r.region_id, 0), coalesce(r.unit_id, 0), coalesce(r.segment_id, 0)"
    counted = f"FROM response r WHERE r.voided_at IS NULL AND NOT r.test AND {CLEAN.format('r')}"
    yield from _differ(
        connection,
        DailyTally.__tablename__,
        f"SELECT {daily}, {', '.join(FIGURES)} FROM daily_tally t WHERE {CLEAN.format('t')}",
        f"SELECT {fresh}, r.channel, {COUNTED} {counted} GROUP BY 1, 2, 3, 4, 5, 6",
    )
    served = "JOIN interaction_performer p ON p.interaction_id = r.interaction_id"
    yield from _differ(
        connection,
        PerformerTally.__tablename__,
        f"SELECT survey_id, local_date, region_id, unit_id, performer_id, {', '.join(FIGURES)} "
        f"FROM performer_tally t WHERE {CLEAN.format('t')}",
        f"SELECT r.survey_id, r.local_date, coalesce(r.region_id, 0), coalesce(r.unit_id, 0), p.performer_id, "
        f"{COUNTED} {counted.replace('WHERE', f'{served} WHERE', 1)} GROUP BY 1, 2, 3, 4, 5",
    )
    said = counted.replace("WHERE", "JOIN answer_value v ON v.response_id = r.id WHERE", 1)
    value = "v.question_key, coalesce(v.option, CAST(v.number AS text), '')"
    yield from _differ(
        connection,
        QuestionTally.__tablename__,
        f"SELECT survey_id, local_date, region_id, segment_id, question_key, value, n "
        f"FROM question_tally t WHERE {CLEAN.format('t')}",
        f"SELECT r.survey_id, r.local_date, coalesce(r.region_id, 0), coalesce(r.segment_id, 0), {value}, "
        f"count(*) {said} GROUP BY 1, 2, 3, 4, 5, 6",
    )
    yield from _differ(
        connection,
        "customers who answered a further question",
        f"SELECT local_date, question_key, sum(answered) FROM question_tally t WHERE {CLEAN.format('t')} GROUP BY 1, 2",
        f"SELECT r.local_date, v.question_key, count(DISTINCT r.id) {said} GROUP BY 1, 2",
    )
    yield from _differ(
        connection,
        InvitedTally.__tablename__,
        f"""SELECT survey_id, local_date, region_id, segment_id, n, answered, open_until
        FROM invited_tally t WHERE {CLEAN_SENT.format("t", "local_date")}""",
        f"""SELECT v.survey_id, v.sent_on, coalesce(v.region_id, 0), coalesce(v.segment_id, 0), count(*), count(r.id),
        max(CASE WHEN r.id IS NULL THEN v.valid_until END)
        FROM invitation v LEFT JOIN response r ON r.invitation_id = v.id AND r.voided_at IS NULL AND NOT r.test
        WHERE v.sent_on IS NOT NULL AND NOT v.test AND {CLEAN_SENT.format("v", "sent_on")} GROUP BY 1, 2, 3, 4""",
    )


def _differ(connection: Connection, name: str, kept: str, fresh: str) -> Iterator[str]:
    one, other = (Counter(tuple(row) for row in connection.execute(text(sql))) for sql in (kept, fresh))
    if one != other:
        yield f"{name}: kept {list(one - other)[:2]}, counted {list(other - one)[:2]}"


def _wrong_plan_log(connection: Connection) -> Iterator[str]:
    """The log tells of as many decisions as there are lines."""
    told: Counter[str] = Counter()
    wanted = ("invitation.planned", "invitation.held_back")
    for event, data in connection.execute(text("SELECT event, data FROM audit_entry WHERE event LIKE 'invitation.%'")):
        if event in wanted:
            read = json.loads(data) if isinstance(data, str) else data
            told[event] += read["count"] if event == wanted[0] else sum(read["reasons"].values())
    lines = connection.execute(text("SELECT count(*) FROM invitation")).scalar_one()
    if told.total() != lines:
        yield f"the log tells of {told.total()} decisions, there are {lines} lines"


def wrong_letters(connection: Connection, sink: Sink, kills: list[tuple[float, float]], *, most: int) -> list[str]:
    """Lost letters, and letters that came twice although they were not on their way when something was killed.

    `kills`: when the worker or its database died and came back, in seconds since 1970; `most`: letters that can
    be on their way at once.
    """
    rows = connection.execute(
        text("SELECT message_id, state, repeats, refers_to FROM message WHERE channel = 'email'")
    ).all()
    known = {row.message_id: row for row in rows}
    lost = [row.message_id for row in rows if row.state == "sent" and row.message_id not in sink.times]
    strange = [id_ for id_ in sink.times if id_ not in known]
    repeated = sink.repeated()
    unknowing = [id_ for id_ in repeated if id_ in known and known[id_].repeats != repeated[id_]]
    unrelated = [id_ for id_, others in sink.references.items() if id_ in known and others != {known[id_].refers_to}]
    without_kill = [id_ for id_ in repeated if not any(during(sink.times[id_][0], kill) for kill in kills)]
    found = {
        "letters marked as sent that never arrived": lost,
        "letters that nobody wrote": strange,
        "letters that do not refer to the one they remind of": unrelated,
        "letters repeated without being counted": unknowing,
        "letters repeated that were not on their way at a kill": without_kill,
        "more repeats than letters on their way": list(repeated)[: max(0, repeated.total() - most * len(kills))],
    }
    return [f"{name}: {len(ids)}, such as {ids[0]}" for name, ids in found.items() if ids]


def wrong_texts(connection: Connection, gateway: Gateway, kills: list[tuple[float, float]], *, most: int) -> list[str]:
    """Lost SMS, those that left twice, and those of unknown outcome without a kill. See `wrong_letters`."""
    heard = set(gateway.heard)
    rows = connection.execute(text("SELECT id, state FROM message WHERE channel = 'sms'")).all()
    known = {row.id: row.state for row in rows}
    unknown = unknown_texts(connection, gateway)
    found: dict[str, list[Any]] = {
        "SMS marked as sent that never arrived": [
            id_ for id_, state in known.items() if state in ("sent", "delivered") and id_ not in gateway.times
        ],
        "SMS that nobody wrote": [id_ for id_ in gateway.times if id_ not in known],
        "SMS that left twice": [id_ for id_, times in gateway.times.items() if len(times) > 1],
        "phones that got two SMS": [phone for phone, count in gateway.phones.items() if count > 1],
        "SMS that left and wait": [
            id_ for id_ in gateway.times if known.get(id_) not in (None, "sent", "delivered", "unknown")
        ],
        "reports of delivery that were lost": [id_ for id_ in heard if known.get(id_) != "delivered"],
        "SMS of unknown outcome that were not on their way at a kill": [
            id_ for id_, between in unknown.items() if not any(overlap(between, kill) for kill in kills)
        ],
        "more SMS of unknown outcome than on their way": list(unknown)[most * len(kills) :],
    }
    return [f"{name}: {len(ids)}, such as {ids[0]}" for name, ids in found.items() if ids]


def unknown_texts(connection: Connection, gateway: Gateway) -> dict[int, tuple[float, float]]:
    """SMS of which nobody knows whether they arrived → when they did; else from when they were due until that was
    noticed, which takes a busy machine a while.
    """
    rows = connection.execute(
        text("SELECT id, due_at, sent_at FROM message WHERE channel = 'sms' AND state = 'unknown'")
    ).all()
    arrived = {id_: gateway.times[id_][0] for id_, _due, _noticed in rows if id_ in gateway.times}
    waited = {id_: (seconds(due), seconds(noticed)) for id_, due, noticed in rows}
    return waited | {id_: (at, at) for id_, at in arrived.items()}


def during(moment: float, kill: tuple[float, float]) -> bool:
    """Whether a moment lies about a kill: a letter may have left a little before, and the news of it been lost."""
    return overlap((moment, moment), kill)


def overlap(between: tuple[float, float], kill: tuple[float, float]) -> bool:
    """Whether there are moments about a kill among these."""
    died, back = kill
    return died - 2 <= between[1] <= back + NOTICED_S and between[0] <= back + 2


def unkept_answers(connection: Connection, said: Mapping[str, tuple[int, str]]) -> list[str]:
    """Answers the customers were told to be saved, and what is stored instead."""
    rows = connection.execute(
        text(
            "SELECT s.token, r.score, r.comment FROM invitation_step s JOIN response r "
            "ON r.invitation_id = s.invitation_id"
        )
    )
    stored: dict[str, Any] = {row.token: (row.score, row.comment) for row in rows}
    wrong = {token: stored.get(token) for token, words in said.items() if stored.get(token) != words}
    return [f"an acknowledged answer is lost: {token} said {said[token]}, stored {wrong[token]}" for token in wrong]
