/* api_body.h - bodies of requests that several tests send, over the fake's objects. */
#ifndef VRM_TESTS_API_BODY_H
#define VRM_TESTS_API_BODY_H

#include "tests/api_fake.h"

#define DISK            "{\"datastoreUrn\":\"" U("datastores:1") "\",\"quantityGB\":10}"
#define IDE             "\"pciType\":\"IDE\""
#define DISK_WITH(more) "{\"datastoreUrn\":\"" U("datastores:1") "\",\"quantityGB\":10," more "}"
#define HARDWARE        "\"cpu\":{\"quantity\":2},\"memory\":{\"quantityMB\":512}"
#define VM_BODY(more)                                                                              \
    "{\"name\":\"new\",\"location\":\"" U("clusters:117") "\",\"vmConfig\":{" HARDWARE more "}}"

#endif /* VRM_TESTS_API_BODY_H */
