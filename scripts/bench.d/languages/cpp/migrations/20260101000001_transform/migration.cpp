// The benchmark's transform in C++: names in upper case, balances increased by ten percent.
#include "runner_guest.hpp"

struct raise {
    static const char *summary() { return "write names in capitals and raise balances"; }

    static runner::result<> upgrade()
    {
        RUNNER_TRY(report, runner::transform("raise", "t", {"id", "name", "bal"}));
        static_cast<void>(report);
        return {};
    }

    static runner::result<> downgrade() { return runner::fail("there is no way back"); }

    static runner::result<> transform(std::string_view, runner::batch &rows)
    {
        RUNNER_TRY(names, rows.column("name"));
        RUNNER_TRY(letters, names.bytes());
        for (char &letter : letters)
            if (letter >= 'a' && letter <= 'z')
                letter -= 'a' - 'A';
        RUNNER_TRY(balance, rows.column("bal"));
        RUNNER_TRY(balances, balance.float64s());
        for (double &value : balances)
            value *= 1.1;
        return {};
    }
};

RUNNER_MIGRATION(raise)
