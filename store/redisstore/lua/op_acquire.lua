obtain_room()
local key, owner, ttl = ARGV[3], ARGV[4], tonumber(ARGV[5])
local now, l = millis(), lease_of(key)
if running(l, now) and not (l.state == held and l.owner == owner) then
  return {0, l.fence, l.ends - now, l.state == cooling and 1 or 0}
end
if not running(l, now) then l.state, l.owner, l.fence = held, owner, next_fence() end
l.ends = now + ttl
save_lease(key, l, now)
return {1, l.fence, ttl, 0}
