// Declares everything that a migration can need.
#include "runner_guest.hpp"

struct everything {
    static const char *summary() { return "needs everything"; }

    static std::vector<runner::need> needs()
    {
        using runner::need;
        // A name may be a text that ends here.
        const std::string billing = "billing";
        return {
            need::table_rebuild(),
            need::reads("people", {"id", "email"}),
            need::inserts("invoices", {"total"}).in(billing),
            need::updates("people"),
            need::deletes("tmp_*"),
            need::alters("people"),
            need::creates("outbox_*"),
            need::drops("tmp_*"),
            need::raw_sql(),
            need::function("random"),
            need::limit(RUNNER_MIGRATION_DESCRIPTION_TYPES_LIMIT_GUEST_MEMORY, 512 << 20),
            need::limit(RUNNER_MIGRATION_DESCRIPTION_TYPES_LIMIT_FUEL, 2'000'000'000'000),
        };
    }

    static runner::result<> upgrade() { return {}; }
    static runner::result<> downgrade() { return {}; }
    static runner::result<> transform(std::string_view, runner::batch &) { return {}; }
};

RUNNER_MIGRATION(everything)
