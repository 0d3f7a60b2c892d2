module utcinstants

go 1.24.0

require github.com/runner-migrations/runner/guest-sdk/go v0.1.0

replace github.com/runner-migrations/runner/guest-sdk/go => ../../.runner/sdk/go-0.1.0
