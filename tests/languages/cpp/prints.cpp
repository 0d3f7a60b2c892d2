// Prints by the C++ library, and ends where the tests say so.
#include <cassert>
#include <cstdlib>
#include <iostream>

#include "runner_guest.hpp"

struct prints {
    static const char *summary() { return "prints"; }

    static runner::result<> upgrade()
    {
        std::cout << "one" << std::endl << "tw";
        std::cout << "o\n";
        std::cerr << "wrong \xff\n";
        RUNNER_CHECK(runner::execute("CREATE TABLE printed (id INTEGER PRIMARY KEY, x TEXT)"));
        RUNNER_CHECK(runner::execute("INSERT INTO printed (id) VALUES (1)"));
        RUNNER_CHECK(runner::transform("prints", "printed"));
        // ends here
        std::cout << "three ä";
        return {};
    }

    static runner::result<> downgrade()
    {
        RUNNER_CHECK(runner::execute("DROP TABLE printed"));
        return {};
    }

    static runner::result<> transform(std::string_view, runner::batch &)
    {
        std::cout << "a batch";
        return {};
    }
};

RUNNER_MIGRATION(prints)
