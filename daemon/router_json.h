/*
 * The JSON body of a request: strict (design.md section 5).
 */
#ifndef TSUZUKI_DAEMON_ROUTER_JSON_H
#define TSUZUKI_DAEMON_ROUTER_JSON_H

#include <jansson.h>

#include "sync/base/str.h"

/*
 * The object that body holds; the caller owns it. NULL: *wrong says why, for the client. Refused: what is no
 * object, repeated keys, NUL, lone surrogates, numbers that no double holds, text that is not UTF-8, and
 * nesting over LIMIT_JSON_DEPTH, which is counted before anything is parsed since the parser calls itself.
 */
json_t *router_json(struct str body, const char **wrong);

#endif
