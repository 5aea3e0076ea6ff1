/* right_show.h - who holds the right to run a VM, in words for people.  Loop thread only. */
#ifndef VRM_CONTROLLER_RIGHT_SHOW_H
#define VRM_CONTROLLER_RIGHT_SHOW_H

#include "api/ops_ask.h"
#include "controller/app.h"

/* As known here now; op_right_free(). */
struct op_right *right_show(const struct app *app, const Vm *vm);

#endif /* VRM_CONTROLLER_RIGHT_SHOW_H */
