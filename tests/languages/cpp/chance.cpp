// Everything that differs from run to run in an ordinary program: the tests compare the transcripts of runs.
#include "runner_guest.hpp"

#include <chrono>
#include <functional>
#include <random>
#include <string>
#include <unordered_set>

struct chance {
    static const char *summary() { return "what chance, the clock and order decide"; }

    static runner::result<> keep(const std::string &text)
    {
        RUNNER_CHECK(runner::execute("INSERT INTO things (x) VALUES (?)", {rg_text(text.c_str())}));
        return {};
    }

    static runner::result<> upgrade()
    {
        RUNNER_CHECK(runner::execute("CREATE TABLE things (id INTEGER PRIMARY KEY, x TEXT)"));
        std::random_device device;
        RUNNER_CHECK(keep(std::to_string(device()) + " " + std::to_string(device())));
        RUNNER_CHECK(keep(std::to_string(std::chrono::system_clock::now().time_since_epoch().count())));
        RUNNER_CHECK(keep(std::to_string(std::chrono::steady_clock::now().time_since_epoch().count())));
        std::unordered_set<std::string> words;
        for (int i = 0; i < 50; i++)
            words.insert("word " + std::to_string(i));
        std::string order;
        for (const std::string &word : words)
            order += word + ",";
        RUNNER_CHECK(keep(order));
        RUNNER_CHECK(keep(std::to_string(std::hash<std::string>()("x")) + " " + std::to_string(std::hash<void *>()(&words))));
        RUNNER_CHECK(keep(std::to_string(runner_migration_context_seed()) + " " + std::to_string(runner_migration_context_run_timestamp())));
        RUNNER_CHECK(runner::execute("CREATE TABLE chance (id INTEGER PRIMARY KEY, x TEXT)"));
        RUNNER_CHECK(runner::execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
                                     "INSERT INTO chance SELECT i, 'row ' || i FROM n"));
        RUNNER_CHECK(runner::transform("stirred", "chance"));
        return {};
    }

    static runner::result<> downgrade()
    {
        RUNNER_CHECK(runner::execute("DROP TABLE chance"));
        RUNNER_CHECK(runner::execute("DROP TABLE things"));
        return {};
    }

    static runner::result<> transform(std::string_view, runner::batch &rows)
    {
        RUNNER_TRY(column, rows.column("id"));
        RUNNER_TRY(ids, column.int64s());
        RUNNER_TRY(texts, rows.column("x"));
        std::size_t row = 0;
        return texts.map_texts([&](std::vector<char> &to, std::string_view text) {
            // A generator for each row, and not one for each instance.
            std::mt19937_64 generator(runner_migration_context_seed() ^ static_cast<uint64_t>(ids[row++]));
            std::string made = std::string(text) + " " + std::to_string(generator());
            to.insert(to.end(), made.begin(), made.end());
        });
    }
};

RUNNER_MIGRATION(chance)
