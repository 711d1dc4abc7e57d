obtain_room()
local key, now = ARGV[3], millis()
local l = lease_of(key)
if not holds(l, ARGV[4], tonumber(ARGV[5]), now) then return {0} end
l.ends = now + tonumber(ARGV[6])
save_lease(key, l, now)
return {1}
