/* Encodings, hashes, URLs, and the order and the case of texts in a language, for the prelude and the libraries. */
#include <stdlib.h>

#include "natives.h"
#include "runtime.h"

static JSClassID decoder_class, collator_class;

static void decoder_finalizer(JSRuntime *runtime, JSValueConst object)
{
    decoder_free(JS_GetOpaque(object, decoder_class));
}

static void collator_finalizer(JSRuntime *runtime, JSValueConst object)
{
    collator_free(JS_GetOpaque(object, collator_class));
}

static const JSClassDef decoder_definition = {"Decoder", .finalizer = decoder_finalizer};
static const JSClassDef collator_definition = {"Collation", .finalizer = collator_finalizer};

/* Takes the bytes. */
static JSValue text_of(Bytes *bytes)
{
    JSValue text = JS_NewStringLen(js, bytes->start, bytes->size);
    free(bytes->start);
    return text;
}

static JSValue object_of(JSClassID class, void *opaque)
{
    JSValue object = JS_NewObjectClass(js, class);
    if (!JS_IsException(object))
        JS_SetOpaque(object, opaque);
    return object;
}

/* decoder(label, keeps the mark, is fatal): an object with the encoding's name; undefined if there is no such label. */
static JSValue new_decoder(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t size;
    Bytes name;
    const char *label = JS_ToCStringLen(js, &size, argv[0]);
    if (!label)
        return JS_EXCEPTION;
    TextDecoder *decoder = decoder_new(label, size, JS_ToBool(js, argv[1]), JS_ToBool(js, argv[2]), &name);
    JS_FreeCString(js, label);
    if (!decoder)
        return JS_UNDEFINED;
    JSValue object = object_of(decoder_class, decoder), encoding = text_of(&name);
    if (JS_IsException(object)) {
        decoder_free(decoder);
        JS_FreeValue(js, encoding);
    } else
        JS_SetPropertyStr(js, object, "encoding", encoding);
    return object;
}

/* decode(decoder, bytes, more follow): a text; undefined if the bytes are malformed and the decoder is fatal. */
static JSValue decode(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    uint8_t *bytes;
    size_t size;
    Bytes text;
    TextDecoder *decoder = JS_GetOpaque2(js, argv[0], decoder_class);
    if (!decoder || !bytes_of(argv[1], &bytes, &size))
        return JS_EXCEPTION;
    return decoder_decode(decoder, bytes, size, !JS_ToBool(js, argv[2]), &text) ? text_of(&text) : JS_UNDEFINED;
}

/* digest(algorithm, bytes, key of the HMAC or undefined): a Uint8Array; undefined if there is no such algorithm. */
static JSValue digest(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    uint8_t *bytes, *key = NULL;
    size_t name_size, size, key_size = 0;
    bool has_key = !JS_IsUndefined(argv[2]);
    Bytes result;
    if (!bytes_of(argv[1], &bytes, &size) || (has_key && !bytes_of(argv[2], &key, &key_size)))
        return JS_EXCEPTION;
    const char *name = JS_ToCStringLen(js, &name_size, argv[0]);
    if (!name)
        return JS_EXCEPTION;
    bool found = hash_digest(name, name_size, key, key_size, has_key, bytes, size, &result);
    JS_FreeCString(js, name);
    if (!found)
        return JS_UNDEFINED;
    JSValue array = JS_NewUint8ArrayCopy(js, (uint8_t *)result.start, result.size);
    free(result.start);
    return array;
}

/* Up to three texts of the arguments; undefined is NULL. */
static bool texts_of(JSValueConst *values, int count, const char **texts, size_t *sizes)
{
    for (int i = 0; i < count; i++) {
        bool is_there = !JS_IsUndefined(values[i]);
        texts[i] = is_there ? JS_ToCStringLen(js, sizes + i, values[i]) : NULL;
        if (is_there && !texts[i]) {
            while (i--)
                JS_FreeCString(js, texts[i]);
            return false;
        }
    }
    return true;
}

static void free_texts(const char **texts, int count)
{
    while (count--)
        JS_FreeCString(js, texts[count]);
}

/* url(text, base or undefined): the parts, a line each; undefined if it is none. */
static JSValue parse_url(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    const char *texts[2];
    size_t sizes[2] = {0};
    Bytes parts;
    if (!texts_of(argv, 2, texts, sizes))
        return JS_EXCEPTION;
    bool good = url_parse(texts[0], sizes[0], texts[1], sizes[1], &parts);
    free_texts(texts, 2);
    return good ? text_of(&parts) : JS_UNDEFINED;
}

/* urlWith(url, part, value): the same of the URL with that part; undefined if it is none. */
static JSValue set_in_url(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    const char *texts[3];
    size_t sizes[3] = {0};
    Bytes parts;
    if (!texts_of(argv, 3, texts, sizes))
        return JS_EXCEPTION;
    bool good = url_set(texts[0], sizes[0], texts[1], sizes[1], texts[2], sizes[2], &parts);
    free_texts(texts, 3);
    return good ? text_of(&parts) : JS_UNDEFINED;
}

/* collation(locale, strength, case level, case first, numeric, ignore punctuation): an object for `collate`; undefined if the locale is
   none. natives.h has the numbers. */
static JSValue new_collation(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    Order order;
    int32_t *const fields[] = {&order.strength, &order.case_level, &order.case_first, &order.numeric, &order.ignore_punctuation};
    for (int i = 0; i < COUNT(fields); i++)
        if (JS_ToInt32(js, fields[i], argv[i + 1]))
            return JS_EXCEPTION;
    size_t size;
    const char *locale = JS_ToCStringLen(js, &size, argv[0]);
    if (!locale)
        return JS_EXCEPTION;
    Collator *collator = collator_new(locale, size, &order);
    JS_FreeCString(js, locale);
    if (!collator)
        return JS_UNDEFINED;
    JSValue object = object_of(collator_class, collator);
    if (JS_IsException(object))
        collator_free(collator);
    return object;
}

/* collate(collation, a, b): -1, 0 or 1 */
static JSValue collate(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    const char *texts[2];
    size_t sizes[2] = {0};
    Collator *collator = JS_GetOpaque2(js, argv[0], collator_class);
    if (!collator || !texts_of(argv + 1, 2, texts, sizes))
        return JS_EXCEPTION;
    int order = collator_compare(collator, texts[0], sizes[0], texts[1], sizes[1]);
    free_texts(texts, 2);
    return JS_NewInt32(js, order);
}

/* caseMapped(text, locale, is upper): a text; undefined if the locale is none. */
static JSValue map_case(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    const char *texts[2];
    size_t sizes[2] = {0};
    Bytes mapped;
    if (!texts_of(argv, 2, texts, sizes))
        return JS_EXCEPTION;
    bool good = case_map(JS_ToBool(js, argv[2]), texts[1], sizes[1], texts[0], sizes[0], &mapped);
    free_texts(texts, 2);
    return good ? text_of(&mapped) : JS_UNDEFINED;
}

void native_functions(JSValue native)
{
    JS_NewClassID(JS_GetRuntime(js), &decoder_class);
    JS_NewClass(JS_GetRuntime(js), decoder_class, &decoder_definition);
    JS_NewClassID(JS_GetRuntime(js), &collator_class);
    JS_NewClass(JS_GetRuntime(js), collator_class, &collator_definition);
    define(native, "decoder", new_decoder, 3);
    define(native, "decode", decode, 3);
    define(native, "digest", digest, 3);
    define(native, "url", parse_url, 2);
    define(native, "urlWith", set_in_url, 3);
    define(native, "collation", new_collation, 6);
    define(native, "collate", collate, 3);
    define(native, "caseMapped", map_case, 3);
}
