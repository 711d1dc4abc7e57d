-- change gives a visible entry another expiry or policy, if it is still the
-- one that the caller saw.
local function change(key, seen, generation_, ttl, grace, policy, set)
  local h, now = head(key), millis()
  if locked(key, '') then return 'busy' end
  if not h.present or h.expires > 0 and now >= h.expires or h.begun < generation_ then return 'none' end
  if h.raw ~= seen then return 'changed' end
  if ttl >= 0 then
    h.expires, h.dead = 0, 0
    if ttl > 0 then
      h.expires = now + ttl
      h.dead = h.expires + grace
    end
  end
  h.policy, h.set = policy, set
  rewrite(key, h)
  h.size = unindex(key) or 0
  index(key, h)
  return 'ok'
end
