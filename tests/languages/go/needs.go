// Declares everything that a migration can need.
package main

import guest "github.com/runner-migrations/runner/guest-sdk/go"

func init() {
	guest.Export(guest.Migration{
		Description: guest.Description{
			Summary: "needs everything",
			Needs: []guest.Need{
				guest.TableRebuild,
				guest.Reads("people", "id", "email"),
				guest.Inserts("invoices", "total").In("billing"),
				guest.Updates("people"),
				guest.Deletes("tmp_*"),
				guest.Alters("people"),
				guest.Creates("outbox_*"),
				guest.Drops("tmp_*"),
				guest.RawSQL,
				guest.CallsFunction("random"),
				guest.NeedsLimit(guest.GuestMemory, 512<<20),
				guest.NeedsLimit(guest.Fuel, 2_000_000_000_000),
			},
		},
		Upgrade:   func() error { return nil },
		Downgrade: func() error { return nil },
	})
}

func main() {}
