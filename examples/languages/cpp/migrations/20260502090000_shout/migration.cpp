// Names in capitals with two exclamation marks, and prices with tax: texts get longer, numbers change in place.
#include "runner_guest.hpp"

struct shout {
    static constexpr double tax = 1.25;

    static const char *summary() { return "names in capitals, and prices with tax"; }

    static runner::result<> run(const char *function)
    {
        RUNNER_TRY(report, runner::transform(function, "products", {"name", "price"}));
        rg_info("%llu products", static_cast<unsigned long long>(report.rows_written));
        return {};
    }

    static runner::result<> upgrade() { return run("shout"); }
    static runner::result<> downgrade() { return run("whisper"); }

    // ASCII only: another letter stays as it is.
    static char upper(char letter) { return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter; }
    static char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter; }

    static runner::result<> transform(std::string_view name, runner::batch &rows)
    {
        bool up = name == "shout";
        RUNNER_TRY(price, rows.column("price"));
        RUNNER_TRY(prices, price.float64s());
        for (double &value : prices)
            value = up ? value * tax : value / tax;
        RUNNER_TRY(names, rows.column("name"));
        return names.map_texts([up](std::vector<char> &to, std::string_view text) {
            if (!up)
                text.remove_suffix(text.size() < 2 ? text.size() : 2);
            for (char letter : text)
                to.push_back(up ? upper(letter) : lower(letter));
            if (up)
                to.insert(to.end(), 2, '!');
        });
    }
};

RUNNER_MIGRATION(shout)
