module github.com/runner-migrations/runner/guest-sdk/go

go 1.24.0
