#include "clients/a.h"
#include "sync/a.h"
#include "schema/a.h"
#include <sqlite3.h>
