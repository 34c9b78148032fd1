-- SPDX-License-Identifier: Apache-2.0
-- What wrk sends: the same requests as generate.lua, as chat completions that are to be streamed.
local number = 0
wrk.method = "POST"
wrk.body = '{"model":"m","messages":[{"role":"user","content":"Hello!"}],"max_tokens":8,"stream":true}'

function request()
    number = number + 1
    return wrk.format(nil, nil, { ["X-Session-Id"] = "session-" .. number % 1000, ["Content-Type"] = "application/json" })
end
