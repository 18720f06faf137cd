"""What happens in one step on the server.

Each script checks everything before its first write: a Lua error half-way is not rolled back.
Only commands of Redis 7.0 are used. Replies of the fenced scripts begin with a word.
"""

from __future__ import annotations

from bot.storage.connection import Script

# KEYS seen, inbox, chat · ARGV event, seconds the id is remembered
# → {1 when new, the chat's speaker or ''}
APPEND = Script.of("""
local speaker = redis.call('HGET', KEYS[3], 's') or ''
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[2]) then return {0, speaker} end
redis.call('XADD', KEYS[2], '*', 'd', ARGV[1])
return {1, speaker}
""")

# KEYS lease, token · ARGV owner, milliseconds → the fencing token, or 0 when held by another
ACQUIRE = Script.of("""
local held = redis.call('GET', KEYS[1])
if held then
  local token = redis.call('GET', KEYS[2])
  if held ~= ARGV[1] .. ':' .. token then return 0 end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return tonumber(token)
end
local token = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. token, 'PX', ARGV[2])
return token
""")

# KEYS lease · ARGV owner:token, milliseconds → 1 when still ours
RENEW = Script.of("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
""")

# KEYS lease · ARGV owner:token → 1 when it was ours
RELEASE = Script.of("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
""")

# KEYS workers · ARGV owner, now ms, until ms → how many workers are here
ANNOUNCE = Script.of("""
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return redis.call('ZCARD', KEYS[1])
""")

# KEYS lease, inbox, chat, log, timers, timer events, one outbox a destination…
# ARGV owner:token, entry id, event id, version, state, epoch, speaker, seconds kept,
#      messages taken back (each between two new lines),
#      number of outgoing, (index into KEYS, entry)…, number of facts, fact…,
#      number of timers set, (member, due ms, event)…, number cancelled, member…
COMMIT = Script.of("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
local version = tonumber(redis.call('HGET', KEYS[3], 'v') or '0')
if #redis.call('XRANGE', KEYS[2], ARGV[2], ARGV[2]) == 0 then
  local mine = version == tonumber(ARGV[4]) + 1 and redis.call('HGET', KEYS[3], 'e') == ARGV[3]
  return mine and 'already' or 'gone'
end
if version ~= tonumber(ARGV[4]) then return 'stale' end
redis.call('HSET', KEYS[3],
  'v', version + 1, 'e', ARGV[3], 'd', ARGV[5], 'n', ARGV[6], 's', ARGV[7], 'r', ARGV[9])
redis.call('EXPIRE', KEYS[3], ARGV[8])
local at = 10
local function count() at = at + 1; return tonumber(ARGV[at - 1]) end
local function take() at = at + 1; return ARGV[at - 1] end
for _ = 1, count() do
  local key = KEYS[tonumber(take())]
  redis.call('XADD', key, '*', 'd', take())
end
for _ = 1, count() do redis.call('XADD', KEYS[4], '*', 'd', take()) end
for _ = 1, count() do
  local member = take()
  redis.call('ZADD', KEYS[5], take(), member)
  redis.call('HSET', KEYS[6], member, take())
end
for _ = 1, count() do
  local member = take()
  redis.call('ZREM', KEYS[5], member)
  redis.call('HDEL', KEYS[6], member)
end
redis.call('XDEL', KEYS[2], ARGV[2])
return 'done'
""")

# KEYS lease, inbox, dead · ARGV owner:token, entry id, letter id, letter → 'done' | 'fenced'
PARK_EVENT = Script.of("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
redis.call('HSETNX', KEYS[3], ARGV[3], ARGV[4])
redis.call('XDEL', KEYS[2], ARGV[2])
return 'done'
""")

# KEYS fence · ARGV token → 1 when it is now the newest
RAISE_FENCE = Script.of("""
local newest = tonumber(redis.call('GET', KEYS[1]) or '0')
if newest > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
""")

# KEYS fence, outbox, sending, chat
# ARGV token, entry id, epoch, 1 if it yields to a new speaker, message id between new lines or ''
# → {'go' | 'doubt' | 'obsolete' | 'fenced' | 'gone', attempts}
BEGIN_SEND = Script.of("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'fenced', 0} end
if #redis.call('XRANGE', KEYS[2], ARGV[2], ARGV[2]) == 0 then return {'gone', 0} end
local known = redis.call('HGET', KEYS[3], ARGV[2])
local state, attempts = 'new', 0
if known then
  local s, a = string.match(known, '^(%a+)|(%d+)|')
  state, attempts = s, tonumber(a)
end
if ARGV[4] == '1' and tonumber(redis.call('HGET', KEYS[4], 'n') or '0') > tonumber(ARGV[3]) then
  return {'obsolete', attempts}
end
if state ~= 'sending' and state ~= 'doubt' and ARGV[5] ~= '' and
  string.find(redis.call('HGET', KEYS[4], 'r') or '', ARGV[5], 1, true) then
  return {'obsolete', attempts}
end
redis.call('HSET', KEYS[3], ARGV[2], 'sending|' .. (attempts + 1) .. '|0')
if state == 'sending' or state == 'doubt' then return {'doubt', attempts + 1} end
return {'go', attempts + 1}
""")

# KEYS fence, outbox, sending · ARGV token, entry id, 'deferred' | 'doubt', until ms, 1 if it counts
# → 'done' | 'fenced'
DEFER_SEND = Script.of("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
if #redis.call('XRANGE', KEYS[2], ARGV[2], ARGV[2]) == 0 then return 'done' end
local known = redis.call('HGET', KEYS[3], ARGV[2]) or 'new|0|0'
local attempts = math.max(0, tonumber(string.match(known, '|(%d+)|')) - 1 + tonumber(ARGV[5]))
redis.call('HSET', KEYS[3], ARGV[2], ARGV[3] .. '|' .. attempts .. '|' .. ARGV[4])
return 'done'
""")

# KEYS fence, outbox, sending, log, inbox, dead
# ARGV token, entry id, letter id or '', letter, number of facts, fact…, number of events, event…
# → 'done' | 'fenced' | 'gone'
FINISH_SEND = Script.of("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'fenced' end
if redis.call('XDEL', KEYS[2], ARGV[2]) == 0 then return 'gone' end
redis.call('HDEL', KEYS[3], ARGV[2])
if ARGV[3] ~= '' then redis.call('HSETNX', KEYS[6], ARGV[3], ARGV[4]) end
local at = 5
local function take() at = at + 1; return ARGV[at - 1] end
for _ = 1, tonumber(take()) do redis.call('XADD', KEYS[4], '*', 'd', take()) end
for _ = 1, tonumber(take()) do redis.call('XADD', KEYS[5], '*', 'd', take()) end
return 'done'
""")

# KEYS timers, timer events, inbox · ARGV now ms, limit → how many fired
FIRE_DUE = Script.of("""
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, member in ipairs(due) do
  local event = redis.call('HGET', KEYS[2], member)
  if event then redis.call('XADD', KEYS[3], '*', 'd', event) end
  redis.call('HDEL', KEYS[2], member)
  redis.call('ZREM', KEYS[1], member)
end
return #due
""")

# KEYS dead, stream · ARGV letter id, record → 1 when it was put back
RESEND = Script.of("""
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'd', ARGV[2])
return 1
""")
