#include "sync/base/err.h"

const char *err_name(enum err err)
{
	static const char *const names[ERR_COUNT] = {
		[ERR_OK] = "ok",
		[ERR_NOMEM] = "out of memory",
		[ERR_DISK_FULL] = "disk full",
		[ERR_IO] = "input/output error",
		[ERR_CORRUPT] = "database damaged",
		[ERR_FOREIGN] = "not a tsuzuki database",
		[ERR_NEWER] = "database of a newer version",
		[ERR_BUSY] = "busy",
		[ERR_NOT_FOUND] = "not found",
		[ERR_CONFLICT] = "exists already",
		[ERR_INVALID] = "invalid",
		[ERR_LIMIT] = "limit reached",
		[ERR_DENIED] = "denied",
		[ERR_EXPIRED] = "expired",
	};
	return (unsigned)err < ERR_COUNT && names[err] ? names[err] : "unknown";
}
