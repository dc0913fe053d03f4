#include "daemon/request.h"
#include "sync/a.h"
#include "daemon/http.h"
#include <libwebsockets.h>
#include "sync/sqlite.h"
