init(ARGV[3])
local mode, owner, fence = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local r = record(9)
if mode ~= set_mode and not admit(r.key, r.begun) then return {'superseded'} end
if owner == '' or holds(lease_of(r.key), owner, fence, millis()) then
  register(r.set, ARGV[7], rest(18), tonumber(ARGV[8]))
end
if mode == set_mode then r.begun = meta('seq') + 1 end
local a = apply(r, mode, owner, fence, '', meta('seq'))
if a[1] == 'ok' and mode ~= publish then
  a[4] = number()
  note(r.key, a[4], false, r.labels)
  note_published(r.key, owner, fence, a[4])
elseif a[4] == 0 then
  a[4] = meta('seq')
end
return a
