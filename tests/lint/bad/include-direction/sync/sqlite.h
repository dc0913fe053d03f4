#include "sync/sqlite_types.h"
