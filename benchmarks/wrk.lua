-- Posts one request again and again: `wrk -s wrk.lua URL -- BODY [NAME VALUE]...`, BODY a file and
-- the rest headers. Writes the figures to standard error, as JSON.

function init(args)
  local file = io.open(args[1], "rb")
  wrk.method, wrk.body = "POST", file:read("*a")
  file:close()
  for i = 2, #args, 2 do
    wrk.headers[args[i]] = args[i + 1]
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"requests": %d, "microseconds": %d, "refused": %d, "failed": %d, "p50": %f, "p99": %f}',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
