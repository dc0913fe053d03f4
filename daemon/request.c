#include "daemon/request.h"

const struct query_param *request_query(const struct request *r, const char *name)
{
	struct str wanted = str_from(name);
	for (size_t i = 0; i < r->query_count; i++)
		if (str_eq(r->query[i].name, wanted))
			return &r->query[i];
	return NULL;
}
