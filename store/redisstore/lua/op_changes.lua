init(ARGV[3])
local since, seq, flush, keys = tonumber(ARGV[4]), meta('seq'), 0, {}
if since == seq then return {seq, 0, {}, {}} end
if since > seq then since, flush = 0, 1 end
local after = '(' .. str(since)
local labels = redis.call('ZRANGEBYSCORE', M .. 'b', after, '+inf', 'WITHSCORES')
if since > 0 then
  if since < meta('lost') then flush = 1 end
  local log = redis.call('ZRANGEBYSCORE', M .. 'k', after, '+inf', 'WITHSCORES')
  for i = 1, #log, 2 do
    local c = logged(log[i]) or {0, 1, ''}
    keys[#keys + 1] = log[i]
    keys[#keys + 1] = log[i + 1]
    keys[#keys + 1] = c[2]
    keys[#keys + 1] = c[3]
  end
end
return {seq, flush, labels, keys}
