/*
 * Finding a route (router.h says how paths match). Pure.
 */
#ifndef TSUZUKI_DAEMON_ROUTER_MATCH_H
#define TSUZUKI_DAEMON_ROUTER_MATCH_H

#include "daemon/router.h"

struct match {
	const struct route *route; /* NULL: none for this method */
	struct str param[2];	   /* into the path */
	unsigned allow;		   /* bit per method that the path takes, OPTIONS included; 0: no such path */
};

/*
 * The route of a method and a path (unescaped, without query and base path); HEAD is found as GET. Where
 * several match, the one with more fixed letters is meant. ":animeId" and ":key" take slashes too, other
 * placeholders do not.
 */
struct match router_match(const struct route *list, size_t count, enum method method, struct str path);

#endif
