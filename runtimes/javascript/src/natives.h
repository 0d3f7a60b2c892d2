/* What libraries in Rust do for the runtime: ../natives. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A zero that `size` does not count follows the bytes: the caller's to free. */
typedef struct Bytes {
    char *start;
    size_t size;
} Bytes;

typedef struct TextDecoder TextDecoder;

/* NULL if the standard has no such label. */
TextDecoder *decoder_new(const char *label, size_t size, bool keeps_mark, bool is_fatal, Bytes *name);
/* False if the bytes are malformed and the decoder is fatal. */
bool decoder_decode(TextDecoder *decoder, const uint8_t *bytes, size_t size, bool is_last, Bytes *into);
void decoder_free(TextDecoder *decoder);

/* False if there is no such algorithm. */
bool hash_digest(const char *name, size_t name_size, const uint8_t *key, size_t key_size, bool has_key, const uint8_t *bytes, size_t size,
                 Bytes *into);

/* The parts of a URL, a line each; false if it is none. The base may be NULL. */
bool url_parse(const char *source, size_t size, const char *base, size_t base_size, Bytes *into);
bool url_set(const char *source, size_t size, const char *part, size_t part_size, const char *value, size_t value_size, Bytes *into);

typedef struct Collator Collator;

/* -1 leaves a choice to the locale. */
typedef struct Order {
    /* 0: letters; 1: accents too; 2: case too; 3: punctuation too. */
    int32_t strength, case_level;
    /* 0: no; 1: the upper case; 2: the lower case. */
    int32_t case_first, numeric, ignore_punctuation;
} Order;

/* NULL if the locale is none. */
Collator *collator_new(const char *locale, size_t size, const Order *order);
int32_t collator_compare(const Collator *collator, const char *left, size_t left_size, const char *right, size_t right_size);
void collator_free(Collator *collator);

/* A text in the upper or the lower case of a locale; false if the locale is none. */
bool case_map(bool is_upper, const char *locale, size_t locale_size, const char *source, size_t size, Bytes *into);
