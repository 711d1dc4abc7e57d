init(ARGV[3])
obtain_room()
local key, live = ARGV[4], 0
local h, set, now = head(key), index_of(key), millis()
if h.present and set and (h.expires == 0 or now < h.expires) and h.begun >= set_generation(set) then live = 1 end
local n = number()
note(key, n, true, bury(key, n))
return {n, live}
