local dropped = {}
for i = 3, #ARGV, 2 do
  local h = head(ARGV[i])
  if h.raw == ARGV[i + 1] then
    drop(ARGV[i], h)
    dropped[#dropped + 1] = ARGV[i]
  end
end
return dropped
