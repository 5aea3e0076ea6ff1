/* store_site.h - the one site that this installation is.  DB workers, inside a transaction. */
#ifndef VRM_DB_STORE_SITE_H
#define VRM_DB_STORE_SITE_H

#include "db/db.h"
#include "model/types.h"

/* The stored site, or NULL in *ret_site before the first start. */
bool store_site_get(Db *db, Site **ret_site, GError **error);
/* First start, or a changed name or address.  The id of a stored site never changes:
 * VRM_ERR_CONFLICT if another one is given. */
bool store_site_put(Db *db, const Site *site, GError **error);

#endif /* VRM_DB_STORE_SITE_H */
