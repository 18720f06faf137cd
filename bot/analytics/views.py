"""What analysts read: one row a message, one row a conversation.

Views are not versioned: they are made anew whenever the schema moves, so changing one takes a
migration, be it an empty one.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Connection, Float, Integer, TableClause, Text, column, table

from bot.analytics.schema import Count, Json, UtcDateTime

messages_view = table(
    "v_messages",
    column("fact_id", Text),
    column("at", UtcDateTime),
    column("conversation_id", Text),
    column("identity_id", Count),
    column("channel", Text),
    column("account", Text),
    column("contact_id", Text),
    column("message_id", Text),
    column("author", Text),
    column("author_id", Text),
    column("author_name", Text),
    column("kind", Text),
    column("language", Text),
    column("text", Text),
    column("reply_to", Text),
    column("topic", Text),
    column("attachments", Json),
    column("edits", Integer),
    column("deleted_at", UtcDateTime),
    column("erased_at", UtcDateTime),
    column("delivered_at", UtcDateTime),
    column("seen_at", UtcDateTime),
    column("intent", Text),
    column("confidence", Float),
    column("also", Text),
    column("handler", Text),
    column("ms", Float),
    column("model", Text),
)

conversations_view = table(
    "v_conversations",
    column("fact_id", Text),
    column("at", UtcDateTime),
    column("conversation_id", Text),
    column("identity_id", Count),
    column("channel", Text),
    column("account", Text),
    column("contact_id", Text),
    column("language", Text),
    column("opened_at", UtcDateTime),
    column("closed_at", UtcDateTime),
    column("outcome", Text),
    column("reopened", Integer),
    column("first_customer_at", UtcDateTime),
    column("first_bot_answer_at", UtcDateTime),
    column("first_bot_answer_seconds", Float),
    column("handoff_at", UtcDateTime),
    column("handoff_reason", Text),
    column("handoff_intent", Text),
    column("team", Text),
    column("urgent", Boolean),
    column("agent_id", Text),
    column("first_human_answer_at", UtcDateTime),
    column("first_human_answer_seconds", Float),
    column("customer_messages", Integer),
    column("bot_messages", Integer),
    column("agent_messages", Integer),
    column("helped", Integer),
    column("not_helped", Integer),
    column("rating", Integer),
    column("rated_at", UtcDateTime),
)

_ARRIVED = "status IN ('delivered', 'maybe_duplicate')"

_MESSAGES = f"""
SELECT m.fact_id, m.at, m.conversation_id, m.identity_id, i.channel, i.account, i.contact_id,
  m.message_id, m.author, m.author_id, t.author_name, m.kind, m.language,
  COALESCE(
    (SELECT et.text FROM message_edits e JOIN message_texts et ON et.fact_id = e.fact_id
      WHERE e.identity_id = m.identity_id AND e.message_id = m.message_id
      ORDER BY e.at DESC LIMIT 1),
    t.text) AS text,
  m.reply_to, m.topic, t.attachments,
  (SELECT COUNT(*) FROM message_edits e
    WHERE e.identity_id = m.identity_id AND e.message_id = m.message_id) AS edits,
  (SELECT MIN(d.at) FROM message_deletions d
    WHERE d.identity_id = m.identity_id AND d.message_id = m.message_id) AS deleted_at,
  t.erased_at,
  (SELECT MIN(r.at) FROM receipts r WHERE r.identity_id = m.identity_id
    AND r.message_id = m.message_id AND r.{_ARRIVED}) AS delivered_at,
  (SELECT MIN(r.at) FROM receipts r WHERE r.identity_id = m.identity_id
    AND r.message_id = m.message_id AND r.status = 'seen') AS seen_at,
  u.intent, u.confidence, u.also, u.handler, u.ms, COALESCE(u.model, m.model) AS model
FROM messages m
JOIN identities i ON i.identity_id = m.identity_id
LEFT JOIN message_texts t ON t.fact_id = m.fact_id
LEFT JOIN understandings u ON u.fact_id =
  (SELECT u2.fact_id FROM understandings u2
    WHERE u2.identity_id = m.identity_id AND u2.message_id = m.message_id
    ORDER BY u2.at DESC, u2.fact_id LIMIT 1)
"""  # noqa: S608 - nothing in it comes from outside


def _first_answer(author: str) -> str:
    """When a message of that author first reached the customer: ``at`` is when it was decided."""
    return f"""
  (SELECT MIN(COALESCE(
      (SELECT MIN(r.at) FROM receipts r WHERE r.identity_id = m.identity_id
        AND r.message_id = m.message_id AND r.{_ARRIVED}), m.at))
    FROM messages m WHERE m.conversation_id = c.conversation_id
    AND m.author = '{author}' AND m.kind <> 'note')"""  # noqa: S608


def _handoff(name: str, order: str, steps: str) -> str:
    return f"""
  (SELECT h.{name} FROM handoffs h WHERE h.conversation_id = c.conversation_id
    AND h.step IN ({steps}) AND h.{name} IS NOT NULL ORDER BY h.at {order} LIMIT 1)"""  # noqa: S608


def _messages_of(author: str) -> str:
    return f"""
  (SELECT COUNT(*) FROM messages m WHERE m.conversation_id = c.conversation_id
    AND m.author = '{author}' AND m.kind <> 'note')"""  # noqa: S608


def _feedback(helped: str) -> str:
    return f"(SELECT COUNT(*) FROM feedback f WHERE f.conversation_id = c.conversation_id AND {helped})"  # noqa: S608


def _rated(name: str) -> str:
    """Of a customer's last word on it."""
    return f"""
  (SELECT r.{name} FROM ratings r WHERE r.conversation_id = c.conversation_id
    ORDER BY r.at DESC, r.fact_id DESC LIMIT 1)"""  # noqa: S608


_ASKED = "'requested', 'escalated'"
_ANY = "'requested', 'escalated', 'claimed', 'taken_over', 'requeued'"

_EPISODES = f"""
SELECT c.fact_id, c.at, c.conversation_id, c.identity_id, i.channel, i.account, c.contact_id,
  COALESCE(
    (SELECT l.language FROM conversation_changes l WHERE l.conversation_id = c.conversation_id
      AND l.language IS NOT NULL ORDER BY l.at DESC LIMIT 1),
    (SELECT m.language FROM messages m WHERE m.conversation_id = c.conversation_id
      AND m.language IS NOT NULL ORDER BY m.at DESC LIMIT 1)) AS language,
  c.at AS opened_at,
  (SELECT CASE WHEN l.change = 'closed' THEN l.at END FROM conversation_changes l
    WHERE l.conversation_id = c.conversation_id ORDER BY l.at DESC, l.change LIMIT 1) AS closed_at,
  (SELECT l.outcome FROM conversation_changes l
    WHERE l.conversation_id = c.conversation_id ORDER BY l.at DESC, l.change LIMIT 1) AS outcome,
  (SELECT COUNT(*) FROM conversation_changes l WHERE l.conversation_id = c.conversation_id
    AND l.change = 'reopened') AS reopened,
  (SELECT MIN(m.at) FROM messages m WHERE m.conversation_id = c.conversation_id
    AND m.author = 'customer') AS first_customer_at,
  {_first_answer("bot")} AS first_bot_answer_at,
  (SELECT MIN(h.at) FROM handoffs h WHERE h.conversation_id = c.conversation_id
    AND h.step IN ({_ASKED})) AS handoff_at,
  {_handoff("reason", "ASC", _ANY)} AS handoff_reason,
  {_handoff("intent", "ASC", _ANY)} AS handoff_intent,
  {_handoff("team", "DESC", _ANY)} AS team,
  EXISTS (SELECT 1 FROM handoffs h WHERE h.conversation_id = c.conversation_id AND h.urgent) AS urgent,
  {_handoff("agent_id", "DESC", _ANY)} AS agent_id,
  {_first_answer("agent")} AS first_human_answer_at,
  {_messages_of("customer")} AS customer_messages,
  {_messages_of("bot")} AS bot_messages,
  {_messages_of("agent")} AS agent_messages,
  {_feedback("f.helped")} AS helped,
  {_feedback("NOT f.helped")} AS not_helped,
  {_rated("score")} AS rating,
  {_rated("at")} AS rated_at
FROM conversation_changes c
JOIN identities i ON i.identity_id = c.identity_id
WHERE c.change = 'opened'
"""  # noqa: S608


def _seconds(dialect: str, start: str, end: str) -> str:
    """From one instant to a later one, in seconds; nothing when the order is the other way."""
    if dialect == "sqlite":
        spent = f"ROUND((julianday({end}) - julianday({start})) * 86400.0, 3)"
    else:
        spent = f"CAST(EXTRACT(EPOCH FROM {end} - {start}) AS double precision)"
    return f"CASE WHEN {end} >= {start} THEN {spent} END"


def _conversations(dialect: str) -> str:
    computed = {
        "first_bot_answer_seconds": _seconds(dialect, "first_customer_at", "first_bot_answer_at"),
        "first_human_answer_seconds": _seconds(dialect, "handoff_at", "first_human_answer_at"),
    }
    names = [one.name for one in conversations_view.columns]
    shown = ", ".join(f"{computed[name]} AS {name}" if name in computed else name for name in names)
    return f"SELECT {shown} FROM ({_EPISODES}) AS episodes"  # noqa: S608


VIEWS: tuple[TableClause, ...] = (messages_view, conversations_view)


def create_views(connection: Connection) -> None:
    """Make the views over a schema that is up to date."""
    connection.exec_driver_sql(f"CREATE VIEW {messages_view.name} AS {_MESSAGES}")
    sql = _conversations(connection.dialect.name)
    connection.exec_driver_sql(f"CREATE VIEW {conversations_view.name} AS {sql}")


def drop_views(connection: Connection) -> None:
    """Take the views away, so that the tables below them can change."""
    for view in reversed(VIEWS):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view.name}")
