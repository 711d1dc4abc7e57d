-- apply stores a record in its shard, under a lease where an owner is given.
-- It returns what happened, and the stamp.
local publish, refresh, set_mode = 0, 1, 2

local function stamped(what, created, expires, seq) return {what, created, expires, seq} end

-- latest is a number that the store has not passed: what says that it is newer
-- is damaged, and no reason to refuse.
local function apply(r, mode, owner, fence, nonce, latest)
  local now, l = millis(), nil
  if owner ~= '' then
    l = lease_of(r.key)
    if l.powner == owner and l.pfence == fence then
      return stamped('again', l.pcreated, l.pexpires, l.pseq)
    end
    if not holds(l, owner, fence, now) then return {'lost'} end
  end
  if locked(r.key, nonce) then return {'busy'} end
  local old = head(r.key)
  if old.cleared > latest or old.begun > latest then old = absent end
  if mode ~= set_mode and (r.begun < old.cleared or old.present and r.begun < old.begun) then return {'superseded'} end
  r.created, r.cleared, r.fence, r.expires, r.dead = now, old.cleared, fence, 0, 0
  if r.ttl > 0 then
    r.expires = now + r.ttl
    r.dead = r.expires + r.grace
  end
  write(r.key, r)
  if l then
    l.state, l.powner, l.pfence, l.pcreated, l.pexpires, l.pseq = free, owner, fence, r.created, r.expires, 0
    save_lease(r.key, l, now)
  end
  if mode == publish then wake(r.key) end
  return stamped('ok', r.created, r.expires, 0)
end

-- note_published completes what a repeated publish is answered with.
local function note_published(key, owner, fence, seq)
  if owner == '' then return end
  local l = lease_of(key)
  if l.powner == owner and l.pfence == fence then
    l.pseq = seq
    redis.call('HSET', B .. 'l', key, cmsgpack.pack(l))
  end
end

-- record reads a record from the arguments from i on.
local function record(i)
  return {
    key = ARGV[i], begun = tonumber(ARGV[i + 1]), ttl = tonumber(ARGV[i + 2]), grace = tonumber(ARGV[i + 3]),
    policy = tonumber(ARGV[i + 4]), set = ARGV[i + 5], labels = ARGV[i + 6], value = ARGV[i + 7],
    manifest = ARGV[i + 8], size = string.len(ARGV[i + 7]),
  }
end

local function rest(i)
  local list = {}
  for j = i, #ARGV do list[#list + 1] = ARGV[j] end
  return list
end
