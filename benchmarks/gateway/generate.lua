-- SPDX-License-Identifier: Apache-2.0
-- What wrk sends: generation requests of a thousand sessions.
local number = 0
wrk.method = "POST"
wrk.body = '{"contents":[{"role":"user","parts":[{"text":"Hello!"}]}],"generationConfig":{"maxOutputTokens":8}}'

function request()
    number = number + 1
    return wrk.format(nil, nil, { ["X-Session-Id"] = "session-" .. number % 1000, ["Content-Type"] = "application/json" })
end
