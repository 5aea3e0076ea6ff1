/* servers.h - the PostgreSQL servers that a connection string names, of which one is right.
 *
 * The right one takes writes, and no other that answers is on a newer timeline: a promotion begins
 * a new timeline, so an old primary that comes back is known by its lower one.  Once this program
 * has used a timeline, servers of older ones are refused for as long as it lives.  All servers are
 * asked at the first connection, and whenever the epoch is taken (db.c).
 *
 * Each server has its share of the time to connect: libpq's own list of hosts knows no limit when
 * it is driven by poll(2), so the first host that swallows packets would use up everything.
 *
 * One thread at a time; a struct server_line is shared by all threads. */
#ifndef VRM_DB_SERVERS_H
#define VRM_DB_SERVERS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "db/pg.h"

typedef struct Servers Servers;

struct server_line; /* db.h */

/* What is wanted instead of this connection string (g_free); NULL: it can be read. */
char *servers_wrong(const char *conninfo);

/* line is borrowed.  Fails with VRM_ERR_INVALID for a bad conninfo. */
Servers *servers_new(const char *conninfo, struct server_line *line, GError **error);
void servers_free(Servers *servers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Servers, servers_free)

size_t servers_count(const Servers *servers);
/* The connection string of one server alone; borrowed. */
const char *servers_conninfo(const Servers *servers, size_t index);

/* Connects to the right server within connect_ms, as pg_open does; the error names each server's
 * trouble if there are several. */
Pg *servers_open(Servers *servers, int64_t connect_ms, int64_t statement_ms, GError **error);

/* May a connection got earlier still be used?  No, once another one is on a newer timeline. */
bool servers_current(const Servers *servers, const Pg *pg);

/* The next servers_open looks at all servers, as the first one does: a promotion may have gone
 * unseen.  Servers that are silent cost half a second each. */
void servers_ask_all(Servers *servers);

/* The server opened last keeps its connections but does not answer: begin with the next one. */
void servers_avoid(Servers *servers);

#endif /* VRM_DB_SERVERS_H */
