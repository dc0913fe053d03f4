#include "sync/a.h"
#include "schema/a.h"
#include "daemon/a.h"
#include <curl/curl.h>
#include <sqlite3.h>
