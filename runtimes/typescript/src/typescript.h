/* What strips the types, in Rust: lib.rs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Stripped {
    /* JavaScript, or the error's message, with a zero at its end that `size` does not count: the caller's to free. */
    char *text;
    size_t size;
    /* Where the error is, from 1; 0 if that is unknown. */
    uint32_t line, column;
    /* Where the pieces of the JavaScript come from, as a source map; NULL if every position stays where it is. The caller's to
       free. */
    char *map;
} Stripped;

bool typescript_strip(const char *source, size_t size, Stripped *into);
