/* codec.h - JSON from structs and back, by one table of fields per struct.
 *
 * Inner header of agentproto: the tables stand in msg.c and watch.c, everybody else uses msg.h.
 * The same table encodes, decodes, initialises and clears, so the four cannot drift apart.
 *
 * Encoding never makes numbers or texts that decoding would refuse: numbers are brought into their
 * bounds, texts are cut and cleaned.  Optional fields that are 0, false, "" or empty are left out.
 * Decoding refuses unknown keys, unless the sender's protocol version is newer than ours; errors
 * are VRM_ERR_INVALID, name the key ("domains[3].uuid"), the value and what is right.
 *
 * Pure; any thread. */
#ifndef VRM_AGENTPROTO_CODEC_H
#define VRM_AGENTPROTO_CODEC_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
    FIELD_INT,  /* int64_t; min..max */
    FIELD_BOOL, /* bool */
    FIELD_WORD, /* an enum of model/state.h; words, n_words */
    FIELD_ERR,  /* int; enum vrm_err */
    /* char *, never NULL; min..max characters; an empty one is always in order when min is 0 */
    FIELD_TEXT,    /* for people; line breaks are allowed */
    FIELD_NAME,    /* no control characters */
    FIELD_TOKEN,   /* of [A-Za-z0-9._-] */
    FIELD_ADDRESS, /* host name, IPv4 or IPv6 address */
    FIELD_UUID,
    FIELD_PATH, /* absolute, no ".." */
    FIELD_MAC,
    /* table */
    FIELD_OBJECT, /* a struct inside the struct */
    FIELD_VM,     /* Vm *; NULL: absent */
    FIELD_ARRAY,  /* T * and, at n_offset, size_t; min..max elements */
    FIELD_LIST,   /* char **, never NULL, NULL at the end; min..max texts that `item` describes */
};

struct field {
    const char *key;
    enum field_type type;
    size_t offset;
    bool required;
    unsigned only; /* bit v set: belongs to the object if its tag is v; 0: always */
    int64_t min, max;
    const char *const *words;
    size_t n_words;
    const struct field_table *table;
    size_t n_offset;
    const struct field *item; /* of a LIST: one of the kinds of text, at offset 0 */
};

struct field_table {
    const char *what; /* for messages: "command" */
    size_t size;      /* of the struct */
    size_t n_fields;
    const struct field *fields; /* if any has "only", the first is the tag: a FIELD_WORD */
};

/* Writing tables: rows in NAME_fields, then TABLE_DEFINE(NAME, "what", struct type). */
#define TABLE(title, type, rows)                                                                   \
    {                                                                                              \
        .what = title, .size = sizeof(type), .n_fields = G_N_ELEMENTS(rows), .fields = rows        \
    }
#define TABLE_DEFINE(name, title, type)                                                            \
    static const struct field_table name##_table = TABLE(title, type, name##_fields)
#define ONLY(tag)   (1u << (tag))
#define WORDS(list) .words = list##_words, .n_words = G_N_ELEMENTS(list##_words)

/* In msg.c: a VM as a start carries it; the published plan (ha_plan.h) does, too. */
extern const struct field_table agent_vm_table;
/* In msg.c; the watch stream carries reports too. */
extern const struct field_table command_report_table;

/* The whole message: the struct's fields after "v", the protocol version.  Caller owns it. */
json_t *codec_encode(const struct field_table *table, const void *value);
/* Fills *ret_value, which needs no initialisation; clear it afterwards. */
bool codec_decode(const struct field_table *table, const json_t *json, void *ret_value,
                  GError **error);
/* Frees what the fields own and zeroes the struct. */
void codec_clear(const struct field_table *table, void *value);

#endif /* VRM_AGENTPROTO_CODEC_H */
