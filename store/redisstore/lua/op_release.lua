obtain_room()
local key, now = ARGV[3], millis()
local l = lease_of(key)
if holds(l, ARGV[4], tonumber(ARGV[5]), now) then
  l.state, l.ends = cooling, now + tonumber(ARGV[6])
  save_lease(key, l, now)
  wake(key)
end
return {0}
