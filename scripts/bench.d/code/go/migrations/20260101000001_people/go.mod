module people

go 1.24.0

require github.com/runner-migrations/runner/guest-sdk/go v0.1.0

replace github.com/runner-migrations/runner/guest-sdk/go => ../../../../../../guest-sdk/go
