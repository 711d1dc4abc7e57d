local idle_ms, now = 3600000, millis()
for i = 3, #ARGV do
  local set = ARGV[i]
  local since = redis.call('HGET', M .. 'y', set)
  if not since then
    redis.call('HSET', M .. 'y', set, str(now))
  elseif now - tonumber(since) > idle_ms then
    local _, labels = set_of(set)
    for _, l in ipairs(labels or {}) do redis.call('SREM', M .. 'n:' .. l, set) end
    redis.call('HDEL', M .. 's', set)
    redis.call('HDEL', M .. 'y', set)
  end
end
return {1}
