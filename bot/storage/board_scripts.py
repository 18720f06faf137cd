"""What changes a desk's board: each of these wholly or not at all."""

from __future__ import annotations

from bot.storage.connection import Script

# What every change does at its end: let the watchers look.
_PULSE = """
redis.call('XADD', pulse, 'MAXLEN', '1', '*', 'c', '1')
"""

# A version is "epoch:ms"; newer: a higher epoch, then a time as late or later.
_NEWER = """
local function newer(version, than)
  if not than then return true end
  local e1, t1 = string.match(version, '(%d+):(%d+)')
  local e2, t2 = string.match(than, '(%d+):(%d+)')
  if tonumber(e1) ~= tonumber(e2) then return tonumber(e1) > tonumber(e2) end
  return tonumber(t1) >= tonumber(t2)
end
"""

# The keys of a case live while it does, and some days longer.
_KEEP = """
local function keep(closed, seconds, names)
  for _, name in ipairs(names) do
    if closed then redis.call('EXPIRE', name, seconds) else redis.call('PERSIST', name) end
  end
end
"""

# A case that waited and is claimed now has told how long a team's customers wait: from asking, or from
# when the team was back, if it was closed then. What began the wait is forgotten by it, so that nothing
# counts twice. ("back" may be known only while the team is closed: it is kept as long as "since" is.)
_WAITED = """
local function waited(case, waits, state, since, back, at, last, seconds)
  if state == 'waiting' then
    local known = redis.call('HMGET', case, 'asked', 'back')
    if known[1] == since and tonumber(back) == 0 then back = known[2] or '0' end
    redis.call('HSET', case, 'asked', since, 'back', back)
    return
  end
  local asked, opened = unpack(redis.call('HMGET', case, 'asked', 'back'))
  redis.call('HDEL', case, 'asked', 'back')
  if state ~= 'claimed' or not asked then return end
  local from, till = tonumber(asked), tonumber(at)
  if tonumber(opened) > from and tonumber(opened) <= till then from = tonumber(opened) end
  redis.call('LPUSH', waits, at .. ' ' .. math.max(0, till - from))
  redis.call('LTRIM', waits, 0, last - 1)
  redis.call('EXPIRE', waits, seconds)
end
"""

# KEYS case, order, lines, fates, of the chat, open, closed, last number, numbers, pulse, waits of the team
# ARGV conversation, chat, card, version, '1' when live, now ms, keep seconds, seconds of the index, state,
# since ms, back at ms (or 0), at ms, how many waits, seconds they are kept
PUT_CARD = Script.of(
    _NEWER
    + _KEEP
    + _WAITED
    + """
local case, pulse = KEYS[1], KEYS[10]
if not newer(ARGV[4], redis.call('HGET', case, 'version')) then return 0 end
if redis.call('HEXISTS', case, 'number') == 0 then
  local number = redis.call('INCR', KEYS[8])
  redis.call('ZADD', KEYS[9], number, ARGV[1])
  redis.call('HSET', case, 'number', number)
end
redis.call('HSET', case, 'chat', ARGV[2], 'card', ARGV[3], 'version', ARGV[4])
redis.call('HSET', case, 'updated', ARGV[6], 'live', ARGV[5])
redis.call('SADD', KEYS[5], ARGV[1])
local from, to = KEYS[6], KEYS[7]
if ARGV[5] == '1' then from, to = KEYS[7], KEYS[6] end
redis.call('ZREM', from, ARGV[1])
redis.call('ZADD', to, ARGV[6], ARGV[1])
keep(ARGV[5] ~= '1', ARGV[7], {case, KEYS[2], KEYS[3], KEYS[4]})
redis.call('EXPIRE', KEYS[5], ARGV[8])
local expired = tonumber(ARGV[6]) - 1000 * tonumber(ARGV[7])
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[7], '-inf', expired)) do
  redis.call('ZREM', KEYS[7], old)
  redis.call('ZREM', KEYS[9], old)
end
waited(case, KEYS[11], ARGV[9], ARGV[10], ARGV[11], ARGV[12], tonumber(ARGV[13]), ARGV[14])
"""
    + _PULSE
    + "return 1"
)

# KEYS case, order, lines, fates, of the chat, pulse
# ARGV conversation, message id, line, longest, keep seconds, index seconds
ADD_LINE = Script.of(
    _KEEP
    + """
local order, lines, pulse = KEYS[2], KEYS[3], KEYS[6]
if redis.call('HEXISTS', lines, ARGV[2]) == 1 then return 0 end
local last = redis.call('ZRANGE', order, -1, -1, 'WITHSCORES')
redis.call('HSET', lines, ARGV[2], ARGV[3])
redis.call('ZADD', order, (tonumber(last[2] or '0')) + 1, ARGV[2])
redis.call('SADD', KEYS[5], ARGV[1])
local over = redis.call('ZCARD', order) - tonumber(ARGV[4])
if over > 0 then
  for _, old in ipairs(redis.call('ZRANGE', order, 0, over - 1)) do
    redis.call('HDEL', lines, old)
    redis.call('HDEL', KEYS[4], old)
  end
  redis.call('ZREMRANGEBYRANK', order, 0, over - 1)
end
keep(redis.call('HGET', KEYS[1], 'live') ~= '1', ARGV[5], {order, lines, KEYS[4]})
redis.call('EXPIRE', KEYS[5], ARGV[6])
"""
    + _PULSE
    + "return 1"
)

# KEYS hash, pulse · ARGV field, what it holds, what it shall hold
REPLACE = Script.of(
    """
local pulse = KEYS[2]
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
"""
    + _PULSE
    + "return 1"
)

# KEYS case, fates, pulse · ARGV message id, fate, version, keep seconds
SET_FATE = Script.of(
    _NEWER
    + _KEEP
    + """
local pulse = KEYS[3]
local before = redis.call('HGET', KEYS[2], ARGV[1])
if before and not newer(ARGV[3], string.match(before, '^[^ ]+')) then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3] .. ' ' .. ARGV[2])
keep(redis.call('HGET', KEYS[1], 'live') ~= '1', ARGV[4], {KEYS[2]})
"""
    + _PULSE
    + "return 1"
)
