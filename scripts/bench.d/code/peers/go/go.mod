module peer

go 1.25.0

require (
	github.com/jackc/pgx/v5 v5.13.0
	github.com/mattn/go-sqlite3 v1.14.53
	people v0.0.0
)

require (
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	golang.org/x/text v0.41.0 // indirect
)

replace (
	github.com/runner-migrations/runner/guest-sdk/go => ../../../../../guest-sdk/go
	people => ../../go/migrations/20260101000001_people
)
