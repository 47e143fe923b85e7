#!lua name=skyfence
-- What happens to a channel happens in one step here: nobody sees half of it, and it is all or
-- nothing when Redis or its caller dies. Runs with the rights of the user who calls it.
--
--   deliver      steps of chains, each in turn: drop, or stamp, keep, and publish it; a place's
--                state as well
--   acknowledge  who has taken note of an incident
--   note         something beside the alerts: stamp, keep, and publish it
--   beat         a sign of life
--   swap         a field of a hash, unless another was faster
--   restore      a chain's last step into a Redis that has lost it: as deliver, or silently
--   progress     what was handed over before, and to which Redis
--   mark         notes what is handed over, unless Redis has lost what came before

-- Changes whenever Redis starts: what was written last may be lost then, and nobody could tell.
-- Asked for once, for the library is loaded anew at a start, and INFO costs as much as an XADD.
local run_id
local function epoch()
  run_id = run_id or string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  return run_id
end

-- Returns the sequence of a stream's last entry, which its identifier is; 0 of an empty stream.
local function last_sequence(stream)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
  return #last > 0 and tonumber(string.match(last[1][1], '^%d+')) or 0
end

local function stamp(sequence, message)
  return '{"epoch":"' .. epoch() .. '","sequence":' .. sequence .. ',' .. string.sub(message, 2)
end

-- Counts on from the last entry of the stream, whose identifiers are the sequence: they cannot come
-- apart. Returns the message as it was kept.
local function append(stream, length, message)
  local sequence = last_sequence(stream) + 1
  local stamped = stamp(sequence, message)
  redis.call('XADD', stream, 'MAXLEN', '~', length, sequence .. '-0', 'message', stamped)
  return stamped
end

-- Returns who has acknowledged an incident, as JSON, or nil. What became graver, or is over, is
-- nobody's any more.
local function standing(key, incident, gravity, over)
  local found = redis.call('HGET', key, incident)
  if not found then
    return nil
  end
  local before, acknowledged = string.match(found, '^(%d+) (.*)$')
  if over or tonumber(gravity) > tonumber(before) then
    redis.call('HDEL', key, incident)
    return nil
  end
  return acknowledged
end

-- The field that lists the runs in the hash of places, the latest last. All others hold a slash.
local RUNS = 'runs'

-- Makes room for a run among those whose places are kept: the live one, and so many others.
local function admit(key, run, live, most)
  local runs, others = {}, 0
  for known in string.gmatch(redis.call('HGET', key, RUNS) or '', '%S+') do
    if known ~= run then
      table.insert(runs, known)
      others = others + (known == live and 0 or 1)
    end
  end
  table.insert(runs, run)
  others = others + (run == live and 0 or 1)
  while others > most do
    local oldest = runs[1] == live and 2 or 1
    local gone = table.remove(runs, oldest) .. '/'
    for _, field in ipairs(redis.call('HKEYS', key)) do
      if string.sub(field, 1, #gone) == gone then
        redis.call('HDEL', key, field)
      end
    end
    others = others - 1
  end
  redis.call('HSET', key, RUNS, table.concat(runs, ' '))
end

-- Keeps a place's last message: that of the episode with the highest number, whatever the times,
-- for an agent that lost its state ends an episode by the wall clock, later than the next began.
-- What an earlier episode says may be handed out again and changes nothing; only where it goes on
-- and is later in time are episodes counted anew, from one or from an older checkpoint.
local function remember(key, run, place, live, most, incident, state, stamped)
  local field = run .. '/' .. place
  local kept = redis.call('HGET', key, field)
  if kept and not string.find(kept, '"incident_id":"' .. incident .. '"', 1, true) then
    local readable, before = pcall(cjson.decode, kept)
    local now = cjson.decode(stamped).alert
    before = readable and before.alert
    if before and before.episode > now.episode
        and (state == 'over' or before.time >= now.time) then
      return
    end
  end
  if not kept then
    admit(key, run, live, tonumber(most))
  end
  redis.call('HSET', key, field, stamped)
end

-- Keys: last step of the chain, stream, active, acknowledged; for a place's message the hash of
-- places, too. Arguments: step, seconds to keep it, channel, length of the stream, incident, "over" or
-- "open", gravity, message; for a place's message also run, place, the live run's name, and how
-- many other runs are kept. Returns how many received it, -1 if the step was no news.
local function deliver_message(keys, args)
  local step, seconds, channel, length, incident, state, gravity, message = unpack(args, 1, 8)
  if tonumber(step) <= tonumber(redis.call('GET', keys[1]) or '0') then
    return -1
  end
  local acknowledged = standing(keys[4], incident, gravity, state == 'over')
  if acknowledged then
    message = '{"acknowledged":' .. acknowledged .. ',' .. string.sub(message, 2)
  end
  local stamped = append(keys[2], length, message)
  redis.call('SET', keys[1], step, 'EX', seconds)
  if state == 'over' then
    redis.call('HDEL', keys[3], incident)
  else
    redis.call('HSET', keys[3], incident, stamped)
  end
  if keys[5] then
    local run, place, live, most = unpack(args, 9, 12)
    remember(keys[5], run, place, live, most, incident, state, stamped)
  end
  return redis.call('PUBLISH', channel, stamped)
end

-- Keys and arguments as of deliver_message, for the last step of a chain. What is over and does not
-- stand here is kept as a place's state and told to nobody: whoever was to hear of it has.
local function restore_message(keys, args)
  local step, seconds, _, _, incident, state, _, message = unpack(args, 1, 8)
  if state ~= 'over' or redis.call('HGET', keys[3], incident) then
    return deliver_message(keys, args)
  end
  if tonumber(step) <= tonumber(redis.call('GET', keys[1]) or '0') then
    return -1
  end
  if keys[5] then
    local run, place, live, most = unpack(args, 9, 12)
    local stamped = stamp(math.max(1, last_sequence(keys[2])), message)
    remember(keys[5], run, place, live, most, incident, state, stamped)
  end
  redis.call('SET', keys[1], step, 'EX', seconds)
  return -1
end

-- Treats messages one after another. Keys and arguments are theirs, in a row; before the arguments
-- of each stands how many keys and how many arguments it has. Returns what each led to.
local function treat_each(keys, args, treat)
  local results, key, arg = {}, 1, 1
  while arg <= #args do
    local last_key = key + tonumber(args[arg]) - 1
    local last_arg = arg + 1 + tonumber(args[arg + 1])
    local own_keys, own_args = {unpack(keys, key, last_key)}, {unpack(args, arg + 2, last_arg)}
    table.insert(results, treat(own_keys, own_args))
    key, arg = last_key + 1, last_arg + 1
  end
  return results
end

-- KEYS, ARGV: as treat_each takes them. An error ends the call: what stands before it was
-- delivered, what stands behind it was not, so that nothing overtakes the message that failed.
local function deliver(keys, args)
  return treat_each(keys, args, deliver_message)
end

-- KEYS, ARGV: as of deliver.
local function restore(keys, args)
  return treat_each(keys, args, restore_message)
end

-- KEYS: the hash of what was handed over. ARGV: fields. Returns the epoch, and what each holds.
local function progress(keys, args)
  local answer = {epoch()}
  for _, field in ipairs(args) do
    table.insert(answer, redis.call('HGET', keys[1], field) or '')
  end
  return answer
end

-- KEYS: the same hash. ARGV: the epoch as it was read; then of each field its name, what it held
-- and what it is to hold. Returns 0, changing nothing, where any is different by now: Redis has
-- been started anew since, or is an older copy of itself.
local function mark(keys, args)
  if epoch() ~= args[1] then
    return 0
  end
  for i = 2, #args, 3 do
    if (redis.call('HGET', keys[1], args[i]) or '') ~= args[i + 1] then
      return 0
    end
  end
  for i = 2, #args, 3 do
    redis.call('HSET', keys[1], args[i], args[i + 2])
  end
  return 1
end

-- KEYS: stream, active, acknowledged. ARGV: incident, its last message as it was judged, gravity,
-- who and when as JSON, channel, length of the stream, note. Returns 0 if there is news meanwhile.
local function acknowledge(keys, args)
  local incident, judged, gravity, acknowledged, channel, length, note = unpack(args)
  if redis.call('HGET', keys[2], incident) ~= judged then
    return 0
  end
  redis.call('HSET', keys[3], incident, gravity .. ' ' .. acknowledged)
  -- Who comes later reads it with the incident.
  local plain = string.gsub(judged, '"acknowledged":%b{},', '', 1)
  local marked = string.gsub(plain, '^{"epoch":"%x+","sequence":%d+,', function(stamp)
    return stamp .. '"acknowledged":' .. acknowledged .. ','
  end)
  redis.call('HSET', keys[2], incident, marked)
  redis.call('PUBLISH', channel, append(keys[1], length, note))
  return 1
end

-- KEYS: stream. ARGV: channel, length of the stream, note. Returns how many received it.
local function note(keys, args)
  return redis.call('PUBLISH', args[1], append(keys[1], args[2], args[3]))
end

-- ARGV: channel, sign of life. Returns how many received it.
local function beat(_, args)
  return redis.call('PUBLISH', args[1], '{"epoch":"' .. epoch() .. '",' .. string.sub(args[2], 2))
end

-- KEYS: a hash. ARGV: field, what it holds as we know it ("": nothing), what it is to hold ("":
-- nothing). Returns 0, changing nothing, if it holds something else by now.
local function swap(keys, args)
  local field, known, new = unpack(args)
  if (redis.call('HGET', keys[1], field) or '') ~= known then
    return 0
  end
  if new == '' then
    redis.call('HDEL', keys[1], field)
  else
    redis.call('HSET', keys[1], field, new)
  end
  return 1
end

-- ARGV: the words of a command. Asks whether the caller may run it, without doing it.
local function may(_, args)
  return redis.acl_check_cmd(unpack(args)) and 1 or 0
end

redis.register_function('skyfence_deliver', deliver)
redis.register_function('skyfence_acknowledge', acknowledge)
redis.register_function('skyfence_note', note)
redis.register_function('skyfence_beat', beat)
redis.register_function('skyfence_swap', swap)
redis.register_function('skyfence_restore', restore)
redis.register_function('skyfence_progress', progress)
redis.register_function('skyfence_mark', mark)
redis.register_function('skyfence_may', may)
redis.register_function('skyfence_version', function() return '@VERSION@' end)
