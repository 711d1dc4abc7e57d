local key, nonce = ARGV[3], ARGV[4]
if locked(key, nonce) then return {'busy'} end
obtain_room()
lock(key, nonce)
local h, set, live = head(key), index_of(key), 0
if h.present and set and (h.expires == 0 or millis() < h.expires) then live = 1 end
return {'ok', live, h.begun, set or '', bury(key, h.cleared)}
