/* ha_book_private.h - between ha_book.c (stories and their keeping), ha_book_host.c and
 * ha_book_vm.c (what is told in them). */
#ifndef VRM_CONTROLLER_HA_BOOK_PRIVATE_H
#define VRM_CONTROLLER_HA_BOOK_PRIVATE_H

#include "controller/ha_shell_private.h"

struct ha_story {
    Incident *incident;
    bool is_real;  /* more than a moment's doubt: it is kept */
    bool is_dirty; /* not all of it is written */
    bool is_writing;
    bool is_over;
    int64_t stored_seq;  /* lines up to this one are written */
    char *last_text;     /* of the last line: it is not said twice in a row */
    enum ha_proof proof; /* of the last life that ended */
    char *lost_store;    /* the host lives, and lost this datastore; NULL: none */
};

struct HaBook {
    HaShell *shell;
    GPtrArray *stories;
    uint64_t life;
};

/* The one of the host that goes on; NULL: there is none. */
struct ha_story *ha_book_find_host(const HaBook *book, int64_t host_id);
/* The newest one that knows the VM. */
struct ha_story *ha_book_find_vm(const HaBook *book, int64_t vm_id);

/* NULL: too many go on. */
struct ha_story *ha_book_begin(HaBook *book, enum incident_kind kind, int64_t host_id,
                               const char *host_name);
/* Its rows have changed: they are counted, its summary is told anew, and it is written soon. */
void ha_book_touch(struct ha_story *story);
/* A line, unless it says what the last one said. */
void ha_book_say(struct ha_story *story, enum incident_source source, int64_t vm_id,
                 const char *text);
/* ... by a rule of the decider. */
void ha_book_say_rule(struct ha_story *story, enum incident_source source, int64_t vm_id, int rule,
                      const char *text);

#endif /* VRM_CONTROLLER_HA_BOOK_PRIVATE_H */
